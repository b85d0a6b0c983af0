"""How far claims are from the truth: bias, tail, and how much further one client is than another.

Intervals are Student's over requests, 95 %; between two clients Welch's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

from msgspec import Struct

from benchmarks.peers.claim import Pair
from crossbench.statistics.student import quantile

LEVEL = 0.95


class Errors(Struct, frozen=True, kw_only=True):
    """Of one metric over all requests of a run; all but `bias` in nanoseconds."""

    differences: tuple[float, ...]
    """What was claimed less what was true, request by request."""
    bias_ns: float
    """Their mean."""
    doubt_ns: float
    """Half the width of its interval; infinite for a single request."""
    bias: float
    """As a part of what was true."""
    p99_ns: float
    """99th percentile of their sizes: the least that at most one in a hundred exceeds."""
    mean_ns: float
    """Of their sizes."""


class Score(Struct, frozen=True, kw_only=True):
    """One client at one load."""

    requests: int
    ttft: Errors
    tpot: Errors

    @property
    def worst_bias(self) -> float:
        """The larger of the two, without its sign."""
        return max(abs(self.ttft.bias), abs(self.tpot.bias))


class Excess(Struct, frozen=True, kw_only=True):
    """By how much one client's errors are larger on average than another's, in nanoseconds."""

    mean_ns: float
    doubt_ns: float
    """Half the width of its interval."""


def score(pairs: Sequence[Pair]) -> Score:
    """Of one client's requests."""
    return Score(
        requests=len(pairs),
        ttft=errors([(pair.claimed.ttft_ns, pair.sent.ttft_ns) for pair in pairs]),
        tpot=errors([(pair.claimed.tpot_ns, pair.sent.tpot_ns) for pair in pairs]),
    )


def errors(pairs: Sequence[tuple[float, float]]) -> Errors:
    """Of claimed and true values, in nanoseconds."""
    differences = tuple(claimed - true for claimed, true in pairs)
    sizes = sorted(map(abs, differences))
    return Errors(
        differences=differences,
        bias_ns=fmean(differences),
        doubt_ns=_doubt(differences),
        bias=fmean(differences) / fmean(true for _, true in pairs),
        p99_ns=sizes[math.ceil(0.99 * len(sizes)) - 1],
        mean_ns=fmean(sizes),
    )


def excess(ours: Errors, theirs: Errors) -> Excess:
    """Of the sizes of errors, ours less theirs: below zero where ours are the smaller ones."""
    one, other = ([abs(each) for each in of.differences] for of in (ours, theirs))
    mean = fmean(one) - fmean(other)
    if min(len(one), len(other)) < 2:
        return Excess(mean_ns=mean, doubt_ns=math.inf)
    parts = [variance(sizes) / len(sizes) for sizes in (one, other)]
    if not sum(parts):
        return Excess(mean_ns=mean, doubt_ns=0.0)
    below = sum(part**2 / (len(sizes) - 1) for part, sizes in zip(parts, (one, other), strict=True))
    freedom = sum(parts) ** 2 / below
    return Excess(mean_ns=mean, doubt_ns=quantile(LEVEL, freedom) * math.sqrt(sum(parts)))


def _doubt(values: Sequence[float]) -> float:
    n = len(values)
    if n < 2:
        return math.inf
    return quantile(LEVEL, n - 1) * math.sqrt(variance(values) / n)
