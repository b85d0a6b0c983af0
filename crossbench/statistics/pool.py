"""Values of several launches, sorted once: every percentile of them, together or apart, is a look.

Together they are merged only while that is cheap; of very many the rank is found by bisection in
all launches at once, so that no second copy is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Sorted = NDArray[np.float64]

MOST_MERGED = 1 << 16
"""More values than these stay where they are."""


class Pool:
    """The values of each launch that has any."""

    def __init__(self, launches: Mapping[str, Sequence[float]]) -> None:
        """Sort them; what is handed over stays as it is."""
        self._groups: dict[str, Sorted] = {
            launch: _sorted(np.array(values, dtype=float))
            for launch, values in launches.items()
            if len(values)
        }
        self._merged: dict[str | None, Sorted] = {}
        self._count = sum(map(len, self._groups.values()))
        self.usable = all(
            values[0] >= 0 and math.isfinite(values[-1]) for values in self._groups.values()
        )
        """Whether every value is finite and none is negative."""

    def __len__(self) -> int:
        """How many values there are in all."""
        return self._count

    @property
    def launches(self) -> tuple[str, ...]:
        """Those that have values."""
        return tuple(self._groups)

    def of(self, launch: str, fraction: float) -> float:
        """The percentile of one launch."""
        return _quantile([self._groups[launch]], fraction)

    def ranked(self, rank: int) -> float:
        """The value with so many before it, of all launches."""
        return _ranked(list(self._groups.values()), rank)

    def together(self, fraction: float, without: str | None = None) -> float:
        """The percentile of all launches, or of all but one."""
        merged = self._merged.get(without)
        if merged is not None:
            return _quantile([merged], fraction)
        groups = [values for launch, values in self._groups.items() if launch != without]
        if sum(map(len, groups)) <= MOST_MERGED:
            groups = [self._merged.setdefault(without, _sorted(np.concatenate(groups)))]
        return _quantile(groups, fraction)


def _sorted(values: Sorted) -> Sorted:
    """The array itself, sorted: nobody else has it."""
    values.sort()
    return values


def _quantile(groups: Sequence[Sorted], fraction: float) -> float:
    """`numpy.quantile` of all these values, to the last bit."""
    count = len(groups[0]) if len(groups) == 1 else sum(map(len, groups))
    place = (count - 1) * fraction
    below = int(place)
    low = _ranked(groups, below)
    high = _ranked(groups, min(below + 1, count - 1))
    part = place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def _ranked(groups: Sequence[Sorted], rank: int) -> float:
    """The value with so many before it, counted over all groups."""
    if len(groups) == 1:
        return groups[0].item(rank)
    lows, highs = [0] * len(groups), [len(values) for values in groups]
    for _ in range(sum(highs) + 1):  # each turn leaves at least the pivot behind
        wide = max(range(len(groups)), key=lambda each: highs[each] - lows[each])
        pivot = groups[wide][(lows[wide] + highs[wide]) // 2]
        below = [int(np.searchsorted(values, pivot)) for values in groups]
        if rank < sum(below):
            highs = below
            continue
        upto = [int(np.searchsorted(values, pivot, "right")) for values in groups]
        if rank < sum(upto):
            return float(pivot)
        lows = upto
    raise AssertionError("no such rank, or groups that are not sorted")
