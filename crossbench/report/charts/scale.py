"""From values to places on a chart, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

WIDE = 20.0
"""Values further apart than this factor are drawn on a logarithmic scale."""


class Scale(Struct, frozen=True, kw_only=True):
    """Values from `low` to `high` on units from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The place of a value, kept within the ends."""
        kept = min(max(value, self.low), self.high)
        if self.log:
            part = math.log(kept / self.low) / math.log(self.high / self.low)
        else:
            part = (kept - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


def fitting(values: Sequence[float], start: float, end: float, *, log: bool | None = None) -> Scale:
    """The scale that holds these positive values: from zero, or logarithmic where they lie far
    apart. `log` decides that beforehand."""
    least, most = min(values), max(values)
    if log if log is not None else most > WIDE * least:
        return _log(least, most, start, end)
    step = _step(most)
    count = math.ceil(most / step - 1e-9)
    ticks = tuple(step * place for place in range(count + 1))
    return Scale(low=0.0, high=ticks[-1], start=start, end=end, log=False, ticks=ticks)


def _step(most: float) -> float:
    """A round step that gives three to six ticks."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * part for part in (0.2, 0.5, 1.0, 2.0, 5.0) if most / (power * part) <= 5)


def _log(least: float, most: float, start: float, end: float) -> Scale:
    """From the round number below the least to the one above the most."""
    powers = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    rounds = [float(f"{part}e{power}") for power in powers for part in (1, 2, 5)]
    low = max(each for each in rounds if each <= least)
    high = min(each for each in rounds if each >= most and each > low)
    between = [each for each in rounds if low <= each <= high]
    decades = [float(f"1e{power}") for power in powers]
    inside = [each for each in decades if low <= each <= high]
    ticks = tuple(between if len(between) <= 8 or len(inside) < 2 else inside)
    return Scale(low=low, high=high, start=start, end=end, log=True, ticks=ticks)
