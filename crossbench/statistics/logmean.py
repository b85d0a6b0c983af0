"""The mean of logarithms with its standard error: what every interval and ratio is made from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from crossbench.statistics.student import quantile, two_sided_p

LEAST_LAUNCHES = 3
"""Two launches have one degree of freedom: their 95 % interval is 13 standard errors wide."""
SAME = 1e-12
"""Logarithms that differ by less differ by rounding only."""
CONFIDENCE = 0.95
"""Of every interval that is shown."""


class Interval(Struct, frozen=True):
    """Where a value lies, both ends in its own unit, with the probability it was made for."""

    low: float
    high: float
    level: float

    def holds(self, value: float) -> bool:
        """Whether the value lies in it, its ends included."""
        return self.low <= value <= self.high

    def within(self, low: float, high: float) -> bool:
        """Whether all of it lies strictly between the two."""
        return low < self.low and self.high < high


class LogMean(Struct, frozen=True, kw_only=True):
    """A mean of logarithms over launches, its standard error, and the freedom this rests on."""

    mean: float
    error: float
    freedom: float
    n: int
    """Launches; of two unequal sides, of the smaller."""

    @property
    def point(self) -> float:
        """The geometric mean; 0 or infinite where no float can hold it."""
        return exp(self.mean)

    @property
    def lacking(self) -> str | None:
        """Why there is no interval, or None."""
        return self.bounded()[1]

    def bounded(self) -> tuple[Interval | None, str | None]:
        """The interval that is shown, by Student's t, or why there is none."""
        if self.n < LEAST_LAUNCHES:
            launches = "1 launch" if self.n == 1 else f"{self.n} launches"
            return None, f"{launches}; an interval needs at least {LEAST_LAUNCHES}"
        if self.error < SAME:
            return None, "every launch gave the same, so how much they differ is not known"
        low, high = self._ends(CONFIDENCE)
        if not (low > 0 and high < math.inf):
            return None, "the launches differ too much"
        return Interval(low, high, CONFIDENCE), None

    def interval(self, level: float) -> Interval | None:
        """At another level; None where it is `lacking`."""
        return None if self.lacking else self.at(level)

    def at(self, level: float) -> Interval:
        """The interval of a mean that is known not to be `lacking`."""
        return Interval(*self._ends(level), level)

    @property
    def p(self) -> float:
        """How likely a mean this far from 0 is where the true one is 0; of one that is not
        `lacking`."""
        return two_sided_p(self.mean / self.error, self.freedom)

    def _ends(self, level: float) -> tuple[float, float]:
        reach = quantile(level, self.freedom) * self.error
        return exp(self.mean - reach), exp(self.mean + reach)


def mean(values: Sequence[float]) -> float:
    """As `statistics.fmean`, which looks at its argument for longer than it adds."""
    return math.fsum(values) / len(values)


def exp(value: float) -> float:
    """e to the power of it; infinite where that overflows."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def unusable(values: Sequence[float]) -> str | None:
    """Why these have no logarithms, or None."""
    if not values:
        return "no launch has a value"
    bad = [value for value in values if not 0 < value < math.inf]
    if bad:
        count = f"{len(bad)} of {len(values)} launch values"
        return f"{count} is not a positive finite number ({bad[0]:g})"
    return None


def sd(logs: Sequence[float], freedom: float | None = None, centre: float | None = None) -> float:
    """Standard deviation, by n - 1 or `freedom`; 0 where they differ by rounding only. `centre` is
    their mean, where that is known."""
    centre = mean(logs) if centre is None else centre
    squares = math.fsum([(each - centre) ** 2 for each in logs])
    found = math.sqrt(squares / (len(logs) - 1 if freedom is None else freedom))
    return found if found > SAME else 0.0
