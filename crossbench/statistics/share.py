"""Shares of what was counted, such as requests that kept to a limit, and rates of what is counted.

A share may be nought or all, of which no logarithm is taken, and requests of one launch resemble
each other. Two intervals are made therefore, and the ends are the outer ones of both: that of
Clopper and Pearson (Biometrika 26, 1934), as if each request were independent of all others, and
Student's t over launches (the ratio estimator of cluster samples: Cochran, Sampling Techniques,
1977, 6.4), which is wider where launches differ by more than chance. The second needs three
launches; the first alone says nothing of launches that were not made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from crossbench.statistics.interval import Estimate
from crossbench.statistics.jackknife import jackknife
from crossbench.statistics.logmean import CONFIDENCE, LEAST_LAUNCHES, Interval
from crossbench.statistics.student import incomplete_beta, quantile

TAIL = (1 - CONFIDENCE) / 2


def share(met: Sequence[int], of: Sequence[int]) -> Estimate:
    """Of each launch how many met it, of how many; the point is that of all launches pooled.

    `n` counts launches. Withheld where nothing was counted.
    """
    whole, n = sum(of), len(of)
    if not whole:
        return Estimate(point=None, interval=None, n=n, sd_log=None, reasons=("none was counted",))
    exact, launches = binomial(sum(met), whole), _over_launches(met, of)
    ends = [exact, launches] if launches else [exact]
    return Estimate(
        point=sum(met) / whole,
        interval=Interval(
            min(each.low for each in ends), max(each.high for each in ends), CONFIDENCE
        ),
        n=n,
        sd_log=None,
    )


def binomial(met: int, of: int) -> Interval:
    """The exact interval of Clopper and Pearson of `met` in `of` independent trials."""
    return Interval(
        _bound(met, of - met + 1, TAIL) if met else 0.0,
        _bound(met + 1, of - met, 1 - TAIL) if met < of else 1.0,
        CONFIDENCE,
    )


def _bound(a: float, b: float, level: float) -> float:
    """Where a beta variable of these parameters stays below with probability `level`."""
    low, high = 0.0, 1.0
    for _ in range(60):  # to the last bit of a double
        middle = (low + high) / 2
        if incomplete_beta(middle, a, b) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _over_launches(met: Sequence[int], of: Sequence[int]) -> Interval | None:
    """Student's t over launches, cut off at nought and all; None for fewer than three."""
    n, whole = len(of), sum(of)
    if n < LEAST_LAUNCHES:
        return None
    point = sum(met) / whole
    squares = math.fsum((good - point * every) ** 2 for good, every in zip(met, of, strict=True))
    error = math.sqrt(n / (n - 1) * squares) / whole
    reach = quantile(CONFIDENCE, n - 1) * error
    return Interval(max(0.0, point - reach), min(1.0, point + reach), CONFIDENCE)


def rate(met: Sequence[int], of: Sequence[int], seconds: Sequence[float]) -> Estimate:
    """How many met it a second: the pooled share times the geometric mean over launches of how many
    there were a second.

    Its interval is a jackknife over launches with Student's t on the log scale, as that of a pooled
    percentile. `n` counts launches; withheld where one of them counted none, or took no time.
    """
    n = len(of)
    if not n or not all(of) or not all(seconds):
        return Estimate(point=None, interval=None, n=n, sd_log=None, reasons=("none was counted",))
    logs = [math.log(every / took) for every, took in zip(of, seconds, strict=True)]
    point = _product(met, of, logs)
    without = [
        _product(_but(met, place), _but(of, place), _but(logs, place))
        for place in (range(n) if n > 1 else ())
    ]
    interval, reason = jackknife(point, without)
    return Estimate(
        point=point, interval=interval, n=n, sd_log=None, reasons=(reason,) if reason else ()
    )


def _product(met: Sequence[float], of: Sequence[float], logs: Sequence[float]) -> float:
    return sum(met) / sum(of) * math.exp(math.fsum(logs) / len(logs))


def _but(values: Sequence[float], place: int) -> Sequence[float]:
    return [*values[:place], *values[place + 1 :]]
