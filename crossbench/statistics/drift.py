"""A machine that slows or speeds up steadily over a run: its line, and values without it.

Interleaved, alternately reversed blocks cancel a steady drift in the mean of their differences, but
not in the spread of these: within each block one target always runs a little later. Block by block
the difference swings up and down with the drift, and the interval is wider than it need be. A
missing launch leaves a part of it in the mean as well. The blocks' own levels, which pairing throws
away, tell the drift almost exactly, so that taking the line out costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean
from typing import TypeAlias

from msgspec import Struct

from crossbench.statistics.logmean import exp, unusable
from crossbench.statistics.student import two_sided_p

Launches: TypeAlias = Mapping[str, Mapping[int, float]]
"""Target -> block -> a number of that launch."""
ALPHA = 0.05
"""A line that is less certain is left alone: what it would take out is small beside the noise."""


class Line(Struct, frozen=True, kw_only=True):
    """A straight line through the logarithms of all launches of a run."""

    slope: float
    """Of the logarithm, per unit of place."""
    middle: float
    """The place whose level the values without drift are at."""
    change: float
    """From the first launch to the last, as a ratio: 0.96 is 4 % less."""
    p: float
    """How likely a line this steep is where nothing drifts."""
    spent: Mapping[str, float]
    """Target -> the part of a degree of freedom that the line took from it; they sum to 1."""


def levelled(values: Launches, places: Launches) -> tuple[Launches, Line | None]:
    """The values as they would be in the middle of the run, and the drift that was taken out.

    `values` are of one metric and scenario, from one machine; `places` says when each launch ran:
    its number within the run, or seconds since it began. Without a certain drift the values are
    returned as they are, and None.
    """
    drift = line(values, places)
    if drift is None or drift.p >= ALPHA:
        return values, None
    return {
        target: {
            block: value * exp(-drift.slope * (places[target][block] - drift.middle))
            for block, value in blocks.items()
        }
        for target, blocks in values.items()
    }, drift


def line(values: Launches, places: Launches) -> Line | None:
    """The slope that all targets share, each with its own level; None where none can be fitted."""
    logs = {
        target: {block: math.log(value) for block, value in blocks.items()}
        for target, blocks in values.items()
        if not unusable(list(blocks.values()))
    }
    centred = {target: _centred(blocks, places[target]) for target, blocks in logs.items()}
    points = [point for each in centred.values() for point in each]
    spread = math.fsum(place**2 for place, _ in points)
    freedom = len(points) - len(logs) - 1
    if freedom < 1 or not spread:
        return None
    slope = math.fsum(place * log for place, log in points) / spread
    left = math.fsum((log - slope * place) ** 2 for place, log in points)
    error = math.sqrt(left / freedom / spread)
    ran = [places[target][block] for target, blocks in logs.items() for block in blocks]
    return Line(
        slope=slope,
        middle=(min(ran) + max(ran)) / 2,
        change=exp(slope * (max(ran) - min(ran))),
        p=two_sided_p(slope / error, freedom) if error else 1.0,
        spent={
            target: math.fsum(place**2 for place, _ in each) / spread
            for target, each in centred.items()
        },
    )


def _centred(logs: Mapping[int, float], places: Mapping[int, float]) -> list[tuple[float, float]]:
    """(place, log) of each launch of a target, both less their means."""
    place = fmean(places[block] for block in logs)
    level = fmean(logs.values())
    return [(places[block] - place, log - level) for block, log in logs.items()]
