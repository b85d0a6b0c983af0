"""What the statistics say of simulated runs, counted against the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics_simulation.machine import Machine, Measured, Protocol, measure
from crossbench.statistics.drift import Launches, Line, levelled
from crossbench.statistics.interval import Interval, cell
from crossbench.statistics.ratio import Ratio, paired, unpaired
from crossbench.statistics.trend import Flag, trend
from crossbench.statistics.verdict import PRIMARY, verdicts

TRUE = math.log(1.05)
"""The difference that is to be found: one metric of the second target."""
BASELINE = "t0"


class Part(NamedTuple):
    """How many of how many."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.hits / self.of

    @property
    def error(self) -> float:
        """Half of its own 95 % interval, by the normal approximation."""
        return 1.96 * math.sqrt(self.share * (1 - self.share) / self.of)


class Counted(NamedTuple):
    """What came of many runs."""

    cells: Part
    """Cells' intervals that hold the truth."""
    ratios: Part
    """Ratios' intervals that hold it."""
    winners: Part
    """Runs without a difference in which any primary metric of any target names a winner."""
    found: Part
    """Runs in which the true difference is named, in the right direction."""
    ties: Part
    """Ratios of runs without a difference that tie."""
    flagged: Part
    """Cells flagged `warmup_insufficient`."""
    told: Part
    """Cells whose interval holds the truth, or that are flagged."""


def by_block(values: Launches) -> dict[str, Ratio]:
    """Target -> its ratio to the baseline, paired by block."""
    return {name: paired(own, values[BASELINE]) for name, own in values.items() if name != BASELINE}


def welch(values: Launches) -> dict[str, Ratio]:
    """As if the launches shared nothing."""
    base = list(values[BASELINE].values())
    return {n: unpaired(list(own.values()), base) for n, own in values.items() if n != BASELINE}


class Recipe(NamedTuple):
    """A way from launches to intervals."""

    drift_out: bool
    ratios: Callable[[Launches], dict[str, Ratio]]

    def levelled(self, values: Launches, places: Launches) -> tuple[Launches, Line | None]:
        """The values it works on."""
        return levelled(values, places) if self.drift_out else (values, None)


AS_REPORTED = Recipe(drift_out=True, ratios=by_block)


def count(
    machine: Machine,
    protocol: Protocol,
    targets: int,
    runs: int,
    rng: np.random.Generator,
    recipe: Recipe = AS_REPORTED,
) -> Counted:
    """Runs without any difference, and as many in which the second target is 5 % faster."""
    same = np.zeros((targets, len(PRIMARY)))
    other = same.copy()
    other[1, 0] = TRUE
    null = measure(machine, protocol, same, runs, rng)
    true = measure(machine, protocol, other, runs, rng)
    cells: list[bool] = []
    flags, told = [], []
    covered, winners, ties = [], 0, []
    for run in range(runs):
        held = _cells(null, run, recipe)
        cells += held.values()
        flags.append(_flagged(null, run))
        told.append(flags[-1] or held["t1", 0])
        ratios = _ratios(null, run, recipe)
        covered += [_holds(ratio.ci95, 0.0) for ratio in ratios.values()]
        words = _words(ratios, _unsettled(null, run))
        winners += any(word in ("faster", "slower") for word in words.values())
        ties += [word == "tie" for word in words.values()]
    found = 0
    for run in range(runs):
        words = _words(_ratios(true, run, recipe), _unsettled(true, run))
        found += words["t1", 0] == "faster"
    return Counted(
        cells=_part(cells),
        ratios=_part(covered),
        winners=Part(winners, runs),
        found=Part(found, runs),
        ties=_part(ties),
        flagged=_part(flags),
        told=_part(told),
    )


def repeats_pooled(
    machine: Machine, protocol: Protocol, runs: int, rng: np.random.Generator
) -> Part:
    """Cells' intervals that hold the truth when all repeats are taken for independent."""
    found = measure(machine, protocol, np.zeros((2, len(PRIMARY))), runs, rng)
    every = (cell([float(time) for time in run[1].ravel()]) for run in found.repeats)
    return _part([_holds(each.interval, 0.0) for each in every])


def _part(hits: list[bool]) -> Part:
    return Part(sum(hits), len(hits))


def _ratios(measured: Measured, run: int, recipe: Recipe) -> dict[tuple[str, int], Ratio]:
    """(target, metric) -> its ratio to the baseline."""
    found = {}
    for metric in range(len(PRIMARY)):
        values, _ = recipe.levelled(_values(measured, run, metric), measured.places)
        found.update({(name, metric): ratio for name, ratio in recipe.ratios(values).items()})
    return found


def _words(
    ratios: dict[tuple[str, int], Ratio], unsettled: Mapping[str, float]
) -> dict[tuple[str, int], str]:
    """Verdicts; `unsettled` holds each target's trend within launches."""
    doubts = {(name, metric): unsettled[name] + unsettled[BASELINE] for name, metric in ratios}
    judged = verdicts(ratios, higher_is_better=dict.fromkeys(ratios, True), unsettled=doubts)
    return {key: each.verdict for key, each in judged.items()}


def _cells(measured: Measured, run: int, recipe: Recipe) -> dict[tuple[str, int], bool]:
    """(target, metric) -> whether the cell's interval holds the truth, a rate of 1."""
    held = {}
    for metric in range(len(PRIMARY)):
        values, line = recipe.levelled(_values(measured, run, metric), measured.places)
        for target, blocks in values.items():
            spent = line.spent[target] if line else 0.0
            held[target, metric] = _holds(cell(list(blocks.values()), spent=spent).interval, 0.0)
    return held


def _flagged(measured: Measured, run: int) -> bool:
    """Whether the second target's first metric is flagged: it warms up where any does."""
    return any(flag.name == "warmup_insufficient" for flag in _flags(measured, run, 1))


def _unsettled(measured: Measured, run: int) -> dict[str, float]:
    """Target -> size of the trend within its launches, as its first metric shows it."""
    return {
        name: max((flag.size for flag in _flags(measured, run, target)), default=0.0)
        for target, name in enumerate(measured.places)
    }


def _flags(measured: Measured, run: int, target: int) -> tuple[Flag, ...]:
    launches: NDArray[np.float64] = measured.repeats[run, target]
    repeats = {str(block): [float(time) for time in row] for block, row in enumerate(launches)}
    return trend(repeats, higher_is_better=False)


def _values(measured: Measured, run: int, metric: int) -> dict[str, dict[int, float]]:
    rows = measured.rates[run, :, :, metric]
    return {
        target: {block: float(x) for block, x in enumerate(row) if not math.isnan(x)}
        for target, row in zip(measured.places, rows, strict=True)
    }


def _holds(interval: Interval | None, log: float) -> bool:
    assert interval is not None
    return interval.holds(math.exp(log))
