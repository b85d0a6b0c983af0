"""Percentiles that refuse samples too small for them, with intervals that assume no distribution.

The interval of one is the pair of order statistics that brackets it with at least 95 %, a binomial
argument that needs independent values. It exists from 6 values for the median, 72 for p95 and 368
for p99: from there on 1 - p**n >= 0.975.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from crossbench.statistics.interval import Estimate
from crossbench.statistics.jackknife import jackknife
from crossbench.statistics.logmean import CONFIDENCE, Interval
from crossbench.statistics.pool import Pool
from crossbench.statistics.student import incomplete_beta

MEDIAN = 0.5
TAIL = (1 - CONFIDENCE) / 2


def least(fraction: float) -> int:
    """The smallest sample that supports an interval for this percentile."""
    return math.ceil(math.log(TAIL) / math.log(max(fraction, 1 - fraction)))


def percentile(values: Sequence[float], fraction: float) -> Estimate:
    """A percentile of independent values, `fraction` 0.95 for p95.

    Withheld below `least(fraction)` values; the median is not, but has no interval there.
    """
    pool, n = Pool({"": values}), len(values)
    if reason := _lacking(n, fraction, usable=pool.usable):
        return _withheld(n, reason)
    interval, reasons = None, [f"{n} values; an interval needs at least {least(fraction)}"]
    if n >= least(fraction):
        low, high = _ranks(n, fraction)
        interval = Interval(pool.ranked(low - 1), pool.ranked(high - 1), CONFIDENCE)
        reasons = []
    return Estimate(
        point=pool.together(fraction),
        interval=interval,
        n=n,
        sd_log=None,
        reasons=tuple(reasons),
    )


def pooled(pool: Pool, fraction: float) -> Estimate:
    """A percentile of values that are alike within a launch, such as the gaps between chunks.

    The point is that of all launches pooled; its interval is a jackknife over launches with
    Student's t on the log scale. Above the median it needs two launches, and the interval three.
    `n` counts launches.
    """
    n = len(pool.launches)
    if reason := _lacking(len(pool), fraction, usable=pool.usable):
        return _withheld(n, reason)
    if fraction > MEDIAN and n < 2:
        return _withheld(1, "it needs 2 launches, as the values of one are not independent")
    point = pool.together(fraction)
    interval, reason = _jackknife(pool, point, fraction)
    return Estimate(
        point=point,
        interval=interval,
        n=n,
        sd_log=None,
        reasons=(reason,) if reason else (),
    )


def _jackknife(pool: Pool, point: float, fraction: float) -> tuple[Interval | None, str | None]:
    each = pool.launches if len(pool.launches) > 1 else ()
    return jackknife(point, [pool.together(fraction, one) for one in each])


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


def _lacking(count: int, fraction: float, *, usable: bool) -> str | None:
    if not count:
        return "no values"
    if not usable:
        return "a value is negative or not finite"
    if fraction != MEDIAN and count < least(fraction):
        name = f"p{100 * fraction:g}"
        return f"{count} values; {name} needs at least {least(fraction)}"
    return None


def _withheld(n: int, reason: str) -> Estimate:
    return Estimate(point=None, interval=None, n=n, sd_log=None, reasons=(reason,))
