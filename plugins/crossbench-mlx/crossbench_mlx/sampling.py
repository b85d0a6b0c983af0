"""Choosing the next token from the logits of the last one, without waiting for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import mlx.core as mx

from crossbench.api import Sampling
from crossbench_mlx.library import apply_top_k, apply_top_p

Choose: TypeAlias = Callable[[mx.array, int], mx.array]
"""Logits of shape (1, vocabulary) and the number of the step -> an id, of shape (1,)."""

SEEDS = 2**64
LEAST_TOP_P = 1e-9
"""Keeps one token; mlx-lm's top-p of 0 would keep none."""


def chooser(sampling: Sampling, forced: Sequence[int], steps: int) -> Choose:
    """How one request chooses its tokens; `forced` replaces them after all the work is done."""
    choose = _drawn(sampling, steps) if sampling.temperature > 0 else _greedy
    if not forced:
        return choose
    given = mx.array(forced, mx.uint32)
    return lambda logits, step: mx.depends(given[step : step + 1], choose(logits, step))


def _greedy(logits: mx.array, _: int) -> mx.array:
    return mx.argmax(logits, axis=-1)


def _drawn(sampling: Sampling, steps: int) -> Choose:
    """Temperature, then top-k, then top-p, then a draw: the order of vLLM and Hugging Face."""
    keys = mx.random.split(mx.random.key(sampling.seed % SEEDS), steps)

    def draw(logits: mx.array, step: int) -> mx.array:
        scaled = logits.astype(mx.float32) * (1 / sampling.temperature)
        likely = scaled - mx.logsumexp(scaled, axis=-1, keepdims=True)
        if 0 < sampling.top_k < logits.shape[-1]:
            likely = apply_top_k(likely, sampling.top_k)
        if sampling.top_p < 1:
            likely = apply_top_p(likely, max(sampling.top_p, LEAST_TOP_P))
        return mx.random.categorical(likely, key=keys[step])

    return draw
