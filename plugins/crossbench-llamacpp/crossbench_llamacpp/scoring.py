"""How likely the model finds given ids: log-probabilities, by the logits of a few tokens at a time.

Logits of a whole text would take gigabytes (8 thousand tokens of a vocabulary of 128 thousand are
4.2 GB), so at most `ROWS` tokens of one decode have theirs computed and kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crossbench.api import RequestError, TokenScore

ROWS = 64

Decode: TypeAlias = Callable[[NDArray[np.int32], int, int], NDArray[np.float32]]
"""Computes tokens that stand from a position on: the logits of the last few, one row each."""


def scores(
    ids: NDArray[np.int32], top_k: int, first: int, largest_batch: int, decode: Decode
) -> list[TokenScore]:
    """A score for each of ids[first:], of which the last one need not be decoded itself.

    Raises RequestError where the model's logits are no numbers.
    """
    found: list[TokenScore] = []
    for start, end, wanted in _pieces(len(ids) - 1, first - 1, largest_batch):
        rows = decode(ids[start:end], start, wanted)
        following = ids[end - wanted + 1 : end + 1].tolist()
        found += [_score(*place, top_k) for place in zip(rows, following, strict=True)]
    return found


def _pieces(count: int, first: int, largest: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, how many logits) of each decode of `count` tokens; logits from `first` on."""
    for start in range(0, first, largest):
        yield start, min(start + largest, first), 0
    for start in range(first, count, min(ROWS, largest)):
        end = min(start + min(ROWS, largest), count)
        yield start, end, end - start


def _score(row: NDArray[np.float32], token: int, top_k: int) -> TokenScore:
    """The log-softmax of one row at the token and at the likeliest ids.

    The exponentials are of f32 with a relative error of 1e-7, and so is the error of the logarithm
    of their sum, which is taken in f64.
    """
    highest = row.max()
    total = float(highest) + math.log(np.exp(row - highest).sum(dtype=np.float64))
    logprob = float(row[token]) - total
    if math.isnan(logprob):
        raise RequestError("the model's logits are not numbers; its scores mean nothing")
    top = tuple((int(each), float(row[each]) - total) for each in _likeliest(row, top_k))
    return TokenScore(logprob, top)


def _likeliest(row: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Ids of the highest logits, highest first."""
    if count == 0:
        return np.empty(0, np.intp)
    highest = np.argpartition(row, -count)[-count:]
    return highest[np.argsort(-row[highest])]
