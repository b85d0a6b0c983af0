"""A model with a KV cache of its own, fed ids and giving logits: one request, or one scored text.

As mlx-lm runs it: on its stream, with its caches, quantised after each step where that was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import mlx.core as mx

from crossbench_mlx.library import (
    CacheList,
    generation_stream,
    make_prompt_cache,
    maybe_quantize_kv_cache,
)
from crossbench_mlx.options import MlxOptions


class Decoder:
    """One sequence. Work is lazy: nothing is computed before an array is evaluated."""

    def __init__(self, model: Any, options: MlxOptions) -> None:
        self._model = model
        self._options = options
        self._cache: list[Any] = make_prompt_cache(model)

    def feed(self, ids: mx.array) -> mx.array:
        """Append ids, of shape (n,); logits of shape (n, vocabulary)."""
        options = self._options
        with mx.stream(generation_stream):
            logits: mx.array = self._model(ids[None], cache=self._cache)
            maybe_quantize_kv_cache(
                self._cache, options.quantized_kv_start, options.kv_group_size, options.kv_bits
            )
            return logits[0]

    def prefill(self, ids: mx.array) -> None:
        """Append ids and compute their keys and values, a step at a time, and no logits."""
        step = self._options.prefill_step_size
        for start in range(0, ids.size, step):
            self.feed(ids[start : start + step])
            mx.eval([each.state for each in self._cache])
            mx.clear_cache()

    @property
    def positions(self) -> int | None:
        """Tokens in the cache; None where no part of it counts them (a recurrent model)."""
        return positions(self.caches)

    @property
    def nbytes(self) -> int:
        """Bytes of the cache, room for tokens to come included."""
        return sum(each.nbytes for each in self.caches)

    @property
    def caches(self) -> Sequence[Any]:
        """The cache of each layer; several of a layer that has them."""
        return tuple(leaves(self._cache))


def leaves(caches: Iterable[Any]) -> Iterator[Any]:
    """The caches of layers, one by one where a layer has several."""
    for each in caches:
        if isinstance(each, CacheList):
            yield from leaves(each.caches)
        else:
            yield each


def positions(caches: Iterable[Any]) -> int | None:
    """Tokens that caches of one sequence hold; None where none of them counts."""
    counts = [int(each.offset) for each in caches if hasattr(each, "offset")]
    return max(counts, default=None)
