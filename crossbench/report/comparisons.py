"""The comparisons of a report: each target against the baseline, on every scenario."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from crossbench.comparison.compare import Comparison, Pair, compare
from crossbench.comparison.levels import RunDrift, level
from crossbench.comparison.side import Side
from crossbench.errors import InputError
from crossbench.report.model import (
    CellReport,
    NoiseBand,
    NullTest,
    ScenarioReport,
    TargetReport,
)
from crossbench.statistics.band import band
from crossbench.statistics.verdict import PRIMARY
from crossbench.suggest import suggestion
from crossbench.suite.model import Suite
from crossbench.suite.tables.comparison import Axis


class Standing(Struct, frozen=True, kw_only=True):
    """How the targets of a run stand against one of them."""

    baseline: str | None
    absent: str | None
    """The baseline that the suite asks for, where that was not measured."""
    comparisons: tuple[Comparison, ...]
    run_drifts: tuple[RunDrift, ...]
    null_test: NullTest | None


def standing(
    suite: Suite,
    scenarios: Sequence[ScenarioReport],
    targets: Sequence[TargetReport],
    chosen: str | None = None,
) -> Standing:
    """Each against the baseline, `chosen` by the reader or the suite's. Raises InputError."""
    asked = suite.comparison
    baseline = _baseline(scenarios, targets, asked.baseline, chosen)
    sides, run_drifts = levelled_sides(scenarios, targets)
    compared = _comparisons(sides, baseline, asked.axis)
    return Standing(
        baseline=baseline,
        absent=None if chosen or baseline in (None, asked.baseline) else asked.baseline,
        comparisons=compared,
        run_drifts=run_drifts,
        null_test=_null_test(suite.null_test, sides, compared),
    )


def _baseline(
    scenarios: Sequence[ScenarioReport],
    targets: Sequence[TargetReport],
    asked: str | None,
    chosen: str | None,
) -> str | None:
    """The reader's choice, else the suite's where it was measured, else the first that was.

    Raises InputError for a choice that was not measured.
    """
    measured = [
        target.name
        for target in targets
        if any(cell.target == target.name for scenario in scenarios for cell in scenario.cells)
    ]
    if chosen is not None:
        if chosen not in measured:
            known = f"measured were {', '.join(measured)}" if measured else "nothing was measured"
            raise InputError(
                f"--baseline {chosen}: the run has no such target measured"
                f"{suggestion(chosen, measured)}; {known}"
            )
        return chosen
    if len(measured) < 2:
        return None
    return asked if asked in measured else measured[0]


def _comparisons(
    cells: Mapping[str, Mapping[str, Side]], baseline: str | None, axis: Collection[Axis]
) -> tuple[Comparison, ...]:
    """Every target against the baseline on every scenario, in the order of the suite."""
    pairs = [
        Pair(scenario=scenario, target=side, baseline=sides[baseline], paired=True)
        for scenario, sides in cells.items()
        if baseline is not None and baseline in sides
        for name, side in sides.items()
        if name != baseline
    ]
    return compare(pairs, axis)


def levelled_sides(
    scenarios: Sequence[ScenarioReport], targets: Sequence[TargetReport]
) -> tuple[Mapping[str, Mapping[str, Side]], tuple[RunDrift, ...]]:
    """Scenario -> target -> its cell as a comparison within the run sees it, and what of a drift
    was taken out of them."""
    found: dict[str, Mapping[str, Side]] = {}
    drifts: list[RunDrift] = []
    known = {target.name: target for target in targets}
    for scenario in scenarios:
        sides = {cell.target: _side(cell, known[cell.target]) for cell in scenario.cells}
        places = {
            cell.target: {cell.blocks[launch]: float(cell.places[launch]) for launch in cell.blocks}
            for cell in scenario.cells
        }
        found[scenario.name], drifted = level(scenario.name, sides, places)
        drifts += drifted
    return found, tuple(drifts)


def side(
    scenario: ScenarioReport,
    targets: Sequence[TargetReport],
    name: str,
    shown: str | None = None,
) -> Side:
    """One cell of a report by itself, `shown` to its reader under another name."""
    cell = next(cell for cell in scenario.cells if cell.target == name)
    target = next(target for target in targets if target.name == name)
    return _side(cell, target, shown)


def _side(cell: CellReport, target: TargetReport, shown: str | None = None) -> Side:
    return Side(
        target=shown or target.name,
        backend=target.backend,
        options=target.options,
        invariants=cell.invariants,
        metrics=cell.metrics,
        blocks=cell.blocks,
    )


def _null_test(
    target: str | None,
    cells: Mapping[str, Mapping[str, Side]],
    compared: Sequence[Comparison],
) -> NullTest | None:
    """The noise that one target under two names shows; None where that was not asked for."""
    if target is None:
        return None
    return NullTest(
        target=target,
        bands=tuple(each for name, twins in cells.items() for each in _bands(name, twins)),
        winners=tuple(
            f"{each.metric} on {comparison.scenario}"
            for comparison in compared
            for each in comparison.metrics
            if each.verdict in ("faster", "slower")
        ),
    )


def _bands(scenario: str, twins: Mapping[str, Side]) -> Iterator[NoiseBand]:
    """One for each primary metric that both twins have."""
    if len(twins) != 2:
        return
    for metric in PRIMARY:
        baseline, other = (twin.levelled[metric] for twin in twins.values())
        if baseline and other:
            yield NoiseBand(scenario=scenario, metric=metric, found=band(other, baseline))
