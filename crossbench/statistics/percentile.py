"""Percentiles that refuse samples too small for them, with intervals that assume no distribution.

The interval of one is the pair of order statistics that brackets it with at least 95 %, a binomial
argument that needs independent values. It exists from 6 values for the median, 72 for p95 and 368
for p99: from there on 1 - p**n >= 0.975.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crossbench.statistics.interval import Estimate
from crossbench.statistics.logmean import CONFIDENCE, Interval, LogMean, sd
from crossbench.statistics.student import incomplete_beta

MEDIAN = 0.5
TAIL = (1 - CONFIDENCE) / 2


def least(fraction: float) -> int:
    """The smallest sample that supports an interval for this percentile."""
    return math.ceil(math.log(TAIL) / math.log(max(fraction, 1 - fraction)))


def quantile(values: Sequence[float] | NDArray[np.float64], fraction: float) -> float:
    """`numpy.quantile` of finite values, to the last bit; for few of them several times as fast."""
    place = (len(values) - 1) * fraction
    below = int(place)
    above = min(below + 1, len(values) - 1)
    ordered = np.partition(values, (below, above))
    low, high = float(ordered[below]), float(ordered[above])
    part = place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def percentile(values: Sequence[float], fraction: float) -> Estimate:
    """A percentile of independent values, `fraction` 0.95 for p95.

    Withheld below `least(fraction)` values; the median is not, but has no interval there.
    """
    if reason := _unusable(values, fraction):
        return _withheld(len(values), reason)
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    interval, reasons = None, [f"{n} values; an interval needs at least {least(fraction)}"]
    if n >= least(fraction):
        low, high = _ranks(n, fraction)
        interval = Interval(float(ordered[low - 1]), float(ordered[high - 1]), CONFIDENCE)
        reasons = []
    return Estimate(
        point=quantile(ordered, fraction),
        interval=interval,
        n=n,
        sd_log=None,
        reasons=tuple(reasons),
    )


def pooled(launches: Mapping[str, Sequence[float]], fraction: float) -> Estimate:
    """A percentile of values that are alike within a launch, such as the gaps between chunks.

    The point is that of all launches pooled; its interval is a jackknife over launches with
    Student's t on the log scale. Above the median it needs two launches, and the interval three.
    `n` counts launches.
    """
    groups = [np.asarray(values, dtype=float) for values in launches.values() if len(values)]
    together = np.concatenate(groups) if groups else np.empty(0)
    if reason := _unusable(together, fraction):
        return _withheld(len(groups), reason)
    if fraction > MEDIAN and len(groups) < 2:
        return _withheld(1, "it needs 2 launches, as the values of one are not independent")
    point = quantile(together, fraction)
    interval, reason = _jackknife(groups, point, fraction)
    return Estimate(
        point=point,
        interval=interval,
        n=len(groups),
        sd_log=None,
        reasons=(reason,) if reason else (),
    )


def _jackknife(
    groups: list[NDArray[np.float64]], point: float, fraction: float
) -> tuple[Interval | None, str | None]:
    n = len(groups)
    without = [
        quantile(np.concatenate(groups[:each] + groups[each + 1 :]), fraction)
        for each in range(n if n > 1 else 0)
    ]
    if not point or not all(without):
        return None, "it is zero, which has no logarithm"
    pseudo = [n * math.log(point) - (n - 1) * math.log(each) for each in without]
    error = sd(pseudo) / math.sqrt(n) if n > 1 else 0.0
    mean = LogMean(mean=math.log(point), error=error, freedom=n - 1, n=n)
    return mean.interval(CONFIDENCE), mean.lacking


def _ranks(n: int, fraction: float) -> tuple[int, int]:
    """The order statistics, counted from 1, that bracket the percentile with at least 95 %."""

    def at_most(count: int) -> float:
        """How likely so many values or fewer lie below the percentile."""
        return 1.0 if count >= n else incomplete_beta(1 - fraction, n - count, count + 1)

    low = _first(n, lambda rank: at_most(rank) > TAIL)
    high = _first(n, lambda rank: at_most(rank - 1) >= 1 - TAIL)
    return low, high


def _first(n: int, true: Callable[[int], bool]) -> int:
    """The least of 1 to n for which it is true, given that it stays so."""
    low, high = 1, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if true(middle) else (middle + 1, high)
    return low


def _unusable(values: Sequence[float] | NDArray[np.float64], fraction: float) -> str | None:
    if not len(values):
        return "no values"
    if not bool(np.all(np.isfinite(values) & (np.asarray(values) >= 0))):
        return "a value is negative or not finite"
    if fraction != MEDIAN and len(values) < least(fraction):
        name = f"p{100 * fraction:g}"
        return f"{len(values)} values; {name} needs at least {least(fraction)}"
    return None


def _withheld(n: int, reason: str) -> Estimate:
    return Estimate(point=None, interval=None, n=n, sd_log=None, reasons=(reason,))
