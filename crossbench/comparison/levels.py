"""The cells of one scenario of one run, without the drift that they share."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from crossbench.comparison.side import Side
from crossbench.statistics.drift import levelled
from crossbench.statistics.verdict import PRIMARY


class RunDrift(Struct, frozen=True, kw_only=True):
    """A drift of all targets alike over a run, which was taken out before launches were paired."""

    scenario: str
    metric: str
    change: float
    """From the first launch to the last, as a ratio."""
    p: float
    """How likely a drift this steep is where there is none."""


def level(
    scenario: str, sides: Mapping[str, Side], places: Mapping[str, Mapping[int, float]]
) -> tuple[Mapping[str, Side], tuple[RunDrift, ...]]:
    """The sides (by target) with their levelled values, and the drifts that were certain.

    `places`: target -> block -> the launch's number within the run.
    """
    found: dict[str, dict[str, Mapping[int, float]]] = {target: {} for target in sides}
    drifts = []
    for metric in PRIMARY:
        values = {target: side.by_block(metric) for target, side in sides.items()}
        level_values, line = levelled(values, places)
        for target, blocks in level_values.items():
            found[target][metric] = blocks
        if line is not None:
            drifts.append(RunDrift(scenario=scenario, metric=metric, change=line.change, p=line.p))
    return (
        {target: replace(side, levelled=found[target]) for target, side in sides.items()},
        tuple(drifts),
    )
