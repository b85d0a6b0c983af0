"""A language model in a page: what comes next is a hash of all that came before.

Ids below 256 are bytes; it favours those that print, so that its text is text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from random import Random

BOS, EOS = 256, 257
SIZE = 258
TOKENS = (*(bytes([byte]) for byte in range(256)), b"<s>", b"</s>")
START = 1
MASK = 2**64 - 1
WORK = 150
"""Rounds of work per token, so that a prefill takes time."""
PRINTED = range(32, 127)
UNPRINTED = -12.0


def step(state: int, token: int) -> int:
    """The state after one more token."""
    state ^= (token + 1) * 0x9E3779B97F4A7C15 & MASK
    for _ in range(WORK):
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
    return state


def after(ids: Iterable[int], state: int = START) -> int:
    """The state after these tokens."""
    for token in ids:
        state = step(state, token)
    return state


def logits(state: int) -> list[float]:
    """How much the model likes each id next."""
    drawn = Random(state)
    row = [UNPRINTED] * SIZE
    for token in PRINTED:
        row[token] = drawn.random() * 6
    row[EOS] = drawn.random() * 7
    return row


def logprobs(state: int) -> list[float]:
    """The log-softmax of the logits."""
    row = logits(state)
    total = math.log(sum(math.exp(each) for each in row))
    return [each - total for each in row]


def best(state: int) -> int:
    """The greedy choice."""
    row = logits(state)
    return row.index(max(row))


def draw(state: int, temperature: float, random: Random) -> int:
    """A choice at a temperature."""
    weights = [math.exp(each / temperature) for each in logits(state)]
    return random.choices(range(SIZE), weights)[0]
