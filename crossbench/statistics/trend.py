"""What repeats within launches, and a cell measured again, say about how steady a target was.

Everything here flags; nothing is dropped for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import linear_regression, median
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.statistics.interval import Estimate
from crossbench.statistics.logmean import LEAST_LAUNCHES, LogMean, exp, mean, sd, unusable
from crossbench.statistics.student import quantile

FlagName: TypeAlias = Literal["warmup_insufficient", "thermal_drift", "outlier", "drift"]
ALPHA = 0.05
MATTERS = 0.0025
"""A trend that moves a launch's value by less, on the log scale, is not told: a twelfth of 3 %."""
LEAST_FOR_OUTLIERS = 6
MAD_TO_SD = 1.4826
MEAN_DEVIATION_TO_SD = 1.2533
"""For the case that more than half of the values are equal (Iglewicz and Hoaglin, 1993)."""
MAD_FREEDOM = 0.5
"""Freedoms of a spread by median deviations, of those by squares. With it at most 5 % of normal
samples of 6 to 60 values have a flag; 3.5 deviations whatever their number would flag 9 to 15 %."""


class Flag(Struct, frozen=True, kw_only=True):
    """Something a reader should know of a cell before believing it."""

    name: FlagName
    reason: str
    size: float = 0.0
    """Of a trend within launches: how far it moves a repeat, on the log scale."""


def trend(repeats: Mapping[str, Sequence[float]], *, higher_is_better: bool) -> tuple[Flag, ...]:
    """Flags for repeats that get slower or faster within their launches.

    `repeats`: launch -> the value of each repeat, in order. At most one flag: `thermal_drift` where
    each repeat is slower than the one before, else `warmup_insufficient` where the first stands
    apart from those after it. Both must show in the launches' own 95 % interval.
    """
    length = min((len(values) for values in repeats.values()), default=0)
    usable = not any(unusable(values) for values in repeats.values())
    if length < 2 or len(repeats) < LEAST_LAUNCHES or not usable:
        return ()
    sign = -1 if higher_is_better else 1
    times = [[sign * math.log(value) for value in values[:length]] for values in repeats.values()]
    found = _slowing(times) or _first_apart(times)
    return (found,) if found else ()


def _slowing(times: list[list[float]]) -> Flag | None:
    """Whether launches slow down steadily; the logarithms grow with time taken."""
    repeats = len(times[0])
    if repeats < 3:
        return None
    means = [mean(column) for column in zip(*times, strict=True)]
    if any(later <= earlier for earlier, later in pairwise(means)):
        return None
    slope = _mean([linear_regression(range(repeats), each).slope for each in times])
    change = slope.mean * (repeats - 1)
    if change / 2 < MATTERS or not _certain(slope):
        return None
    told = f"each repeat is slower than the one before, {_percent(change)} over {repeats}"
    return Flag(name="thermal_drift", reason=told, size=change)


def _first_apart(times: list[list[float]]) -> Flag | None:
    """Whether the first repeat differs from the later ones by enough to move a launch's value."""
    apart = _apart(times)
    if abs(apart.mean) / len(times[0]) < MATTERS or not _certain(apart):
        return None
    word = "slower" if apart.mean > 0 else "faster"
    told = f"the first repeat is {_percent(abs(apart.mean))} {word} than the later ones"
    return Flag(name="warmup_insufficient", reason=told, size=abs(apart.mean))


def _apart(times: list[list[float]]) -> LogMean:
    """First repeat less the mean of the later ones, over launches.

    The later ones' own spread adds to what is known of the repeats' noise.
    """
    launches, later = len(times), len(times[0]) - 1
    contrasts = [each[0] - mean(each[1:]) for each in times]
    per_repeat = 1 + 1 / later
    squares = sd(contrasts) ** 2 * (launches - 1) / per_repeat
    squares += math.fsum(sd(each[1:]) ** 2 * (later - 1) for each in times if later > 1)
    freedom = launches - 1 + launches * (later - 1)
    error = math.sqrt(squares / freedom * per_repeat / launches)
    return LogMean(mean=mean(contrasts), error=error, freedom=freedom, n=launches)


def sentinel(
    first: Mapping[str, float], again: Mapping[str, float], between: Estimate
) -> tuple[Flag, ...]:
    """A flag where a cell measured again at the end of its launches is no longer what it was.

    `first` and `again`: launch -> value. The change must show in its own 95 % interval, and exceed
    the spread between launches, which `between` has of the cell's first values.
    """
    launches = sorted(first.keys() & again.keys())
    pairs = [first[launch] for launch in launches], [again[launch] for launch in launches]
    if len(launches) < LEAST_LAUNCHES or any(map(unusable, pairs)) or between.sd_log is None:
        return ()
    change = _mean([math.log(again[launch]) - math.log(first[launch]) for launch in launches])
    if not _certain(change) or abs(change.mean) <= max(between.sd_log, MATTERS):
        return ()
    told = (
        f"measured again at the end of each launch it is {change.point:.3f} of what it was, "
        f"more than launches differ ({_percent(between.sd_log)})"
    )
    return (Flag(name="drift", reason=told),)


def outliers(values: Mapping[str, float]) -> tuple[Flag, ...]:
    """A flag for each value (named by its key) that lies far from the median of all.

    Far is by Student's t, corrected for their number, on the spread that the median absolute
    deviation of the logarithms tells.
    """
    if len(values) < LEAST_FOR_OUTLIERS or unusable(list(values.values())):
        return ()
    logs = {name: math.log(value) for name, value in values.items()}
    middle = median(logs.values())
    deviations = [abs(log - middle) for log in logs.values()]
    scale = MAD_TO_SD * median(deviations) or MEAN_DEVIATION_TO_SD * mean(deviations)
    reach = quantile(1 - ALPHA / len(logs), MAD_FREEDOM * (len(logs) - 1))
    far = max(reach * scale, MATTERS)
    return tuple(
        Flag(
            name="outlier",
            reason=f"{name}: {values[name]:.4g} is {exp(log - middle):.3f} of the median",
        )
        for name, log in logs.items()
        if abs(log - middle) > far
    )


def _mean(values: list[float]) -> LogMean:
    n = len(values)
    return LogMean(mean=mean(values), error=sd(values) / math.sqrt(n), freedom=n - 1, n=n)


def _certain(mean: LogMean) -> bool:
    """Whether it differs from 0; launches that all say the same leave no doubt."""
    return mean.mean != 0 if not mean.error else mean.lacking is None and mean.p < ALPHA


def _percent(log: float) -> str:
    return f"{exp(log) - 1:.1%}"
