"""Means of paired figures, one a repetition, with their 95 % interval by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and where it lies with 95 % confidence."""

    point: float
    low: float
    high: float

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies there."""
        return low <= self.low and self.high <= high


def mean(values: Sequence[float]) -> Interval:
    """The mean of independent repetitions. Raises ValueError for fewer than two."""
    if len(values) < 2:
        raise ValueError(f"{len(values)} repetition; an interval needs at least 2")
    middle = fmean(values)
    reach = student(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(middle, middle - reach, middle + reach)


def ratio(above: Sequence[float], below: Sequence[float]) -> Interval:
    """The geometric mean of the ratio of each pair."""
    logs = [math.log(one / other) for one, other in zip(above, below, strict=True)]
    return Interval(*map(math.exp, mean(logs)))


def difference(left: Sequence[float], right: Sequence[float]) -> Interval:
    """The mean of the difference of each pair."""
    return mean([one - other for one, other in zip(left, right, strict=True)])


def student(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t.

    Exact for 1 and 2 degrees of freedom; from 9 on the expansion of Abramowitz and Stegun, 26.7.5,
    is right to three digits after the point.
    """
    p = (1 + CONFIDENCE) / 2
    if freedom == 1:
        return math.tan(math.pi * (p - 0.5))
    if freedom == 2:
        return (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    z = NormalDist().inv_cdf(p)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )
