"""Choosing the next token from the logits of the last one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from crossbench.api import Sampling
from crossbench_llamacpp import library

RANDOM_SEED = 0xFFFFFFFF
"""The one seed llama.cpp replaces by a random one (LLAMA_DEFAULT_SEED)."""
LAST = -1


class Logits:
    """The logits of the last decoded token, read in place."""

    def __init__(self, context: Any, vocab_size: int) -> None:
        self._context = context
        self._size = vocab_size
        self._address = library.logits_address
        self._mapped_at: int | None = None
        self._row: NDArray[np.float32] = np.empty(0, np.float32)

    def row(self) -> NDArray[np.float32]:
        """Wait for the device, then view its output, which moves only when its buffer grows."""
        at = self._address(self._context)
        if at != self._mapped_at:
            buffer = (ctypes.c_float * self._size).from_address(at)
            self._row = np.ctypeslib.as_array(buffer)
            self._mapped_at = at
        return self._row

    def rows(self, count: int) -> NDArray[np.float32]:
        """(count, vocabulary): the logits of all wanted tokens of the last decode, as `row`."""
        if not count:
            return np.empty((0, self._size), np.float32)
        buffer = (ctypes.c_float * (count * self._size)).from_address(self._address(self._context))
        return np.ctypeslib.as_array(buffer).reshape(count, self._size)

    def argmax(self) -> int:
        """The greedy token."""
        return int(self.row().argmax())


def last_row() -> int:
    """The row of a batch in which one token's logits are wanted."""
    return LAST


@contextmanager
def sampler(
    sampling: Sampling,
    context: Any,
    greedy: Callable[[], int],
    row: Callable[[], int] = last_row,
) -> Iterator[Callable[[], int]]:
    """A function that chooses a token from the logits of the last decode, for one request.

    `greedy` chooses at temperature 0; `row` tells, counted from the end, which of the rows of
    logits is the request's. Temperature, then top-k, then top-p, then a draw: the order of vLLM and
    Hugging Face. (Top-k stands first because temperature does not change what it keeps.)
    """
    if sampling.temperature <= 0:
        yield greedy
        return
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    add, draw = llama_cpp.llama_sampler_chain_add, llama_cpp.llama_sampler_sample
    if sampling.top_k > 0:
        add(chain, llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    add(chain, llama_cpp.llama_sampler_init_temp(sampling.temperature))
    if sampling.top_p < 1:
        add(chain, llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
    add(chain, llama_cpp.llama_sampler_init_dist(sampling.seed % RANDOM_SEED))
    try:
        yield lambda: int(draw(chain, context, row()))
    finally:
        llama_cpp.llama_sampler_free(chain)


def along(ids: Sequence[int], sample: Callable[[], int]) -> Callable[[], int]:
    """A function that chooses as `sample` does, as the work shall be the same, but gives `ids`."""

    def follow() -> Iterator[int]:
        for token in ids:
            sample()
            yield token

    return follow().__next__
