"""How likely a model finds given ids."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from crossbench.api import TokenScore
from crossbench_mlx.decoder import Decoder

WINDOW = 64
"""Rows of logits held at once: 32 MiB each time over at a vocabulary of 128 thousand, in f32."""


def scores(decoder: Decoder, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
    """A score for each of ids[first:], given all ids before it, with the `top_k` likeliest."""
    given = mx.array(ids, mx.uint32)
    decoder.prefill(given[: first - 1])
    found: list[TokenScore] = []
    for start in range(first - 1, len(ids) - 1, WINDOW):
        end = min(start + WINDOW, len(ids) - 1)
        logits = decoder.feed(given[start:end]).astype(mx.float32)
        found += _window(logits, given[start + 1 : end + 1], top_k)
        mx.clear_cache()
    return found


def _window(logits: mx.array, targets: mx.array, top_k: int) -> list[TokenScore]:
    """Logits of shape (rows, vocabulary), a target each."""
    logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    of_targets = mx.take_along_axis(logprobs, targets[:, None], axis=-1)[:, 0].tolist()
    if not top_k:
        return [TokenScore(logprob) for logprob in of_targets]
    ids, best = _top(logprobs, top_k)
    return [
        TokenScore(logprob, tuple(zip(row, values, strict=True)))
        for logprob, row, values in zip(of_targets, ids.tolist(), best.tolist(), strict=True)
    ]


def _top(logprobs: mx.array, top_k: int) -> tuple[mx.array, mx.array]:
    """Ids and log-probabilities of the likeliest in each row, best first."""
    some = mx.argpartition(-logprobs, kth=top_k - 1, axis=-1)[:, :top_k]
    values = mx.take_along_axis(logprobs, some, axis=-1)
    order = mx.argsort(-values, axis=-1)
    return mx.take_along_axis(some, order, axis=-1), mx.take_along_axis(values, order, axis=-1)
