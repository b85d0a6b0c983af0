"""What was not measured, in one of four words, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from crossbench.analysis.cell import Cell
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.passes import counting
from crossbench.journal.events import CellFailed
from crossbench.plan.model import Plan
from crossbench.report.cells import wanted
from crossbench.report.model import NonResultReport

Failures: TypeAlias = Mapping[tuple[str, str], Sequence[CellFailed]]
"""Target and scenario -> how it failed, each time."""


def non_results(plan: Plan, measured: Measurements) -> tuple[NonResultReport, ...]:
    """What was left out, and the failed cells that no later try completed."""
    return (
        *_excluded(plan),
        *_left_out(plan, measured),
        *_without_a_valid_sample(measured),
        *_failed(plan, measured),
    )


def _excluded(plan: Plan) -> Iterator[NonResultReport]:
    for item in plan.exclusions:
        yield NonResultReport(
            target=item.target,
            scenario=item.scenario,
            word=item.word,
            kind=None,
            reason=item.reason,
        )


def _left_out(plan: Plan, measured: Measurements) -> Iterator[NonResultReport]:
    """Levels above the first that missed the SLO, each once, with the first launch's reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for event in measured.levels_left_out.values():
        if event.block >= 0:
            reasons = told.setdefault((event.target, event.scenario), [])
            reasons.append(f"{event.launch}: {event.reason}")
    for (target, scenario), reasons in told.items():
        made = sum(launch.target == target for launch in plan.launches)
        which = "" if len(reasons) == made else f"in {len(reasons)} of {made} launches; "
        yield NonResultReport(
            target=target,
            scenario=scenario,
            word="skipped",
            kind=None,
            reason=f"{which}{reasons[0]}",
        )


def _without_a_valid_sample(measured: Measurements) -> Iterator[NonResultReport]:
    """A pass that was broken off with its run is no failure: it is what is still to be done."""
    for (target, scenario), cell in measured.cells.items():
        tried = [sample for sample in cell.samples if sample.rule != "torn-pass"]
        if tried and not cell.valid and not measured.failures.get((target, scenario)):
            yield NonResultReport(
                target=target,
                scenario=scenario,
                word="failed",
                kind="error",
                reason=f"no sample of it is valid: {tried[0].fault}",
            )


def _failed(plan: Plan, measured: Measurements) -> Iterator[NonResultReport]:
    for (target, scenario), failures in unresolved(plan, measured).items():
        for failure in failures:
            yield NonResultReport(
                target=target,
                scenario=scenario,
                word="failed",
                kind=failure.kind,
                reason=f"{failure.message} (phase: {failure.phase})",
                launch=failure.launch,
            )


def unresolved(plan: Plan, measured: Measurements) -> Failures:
    """Those of cells that no later try completed."""
    planned = wanted(plan)
    return {
        place: failures
        for place, failures in measured.failures.items()
        if failures and _measured(measured.cells.get(place, Cell())) < planned[place]
    }


def _measured(cell: Cell) -> int:
    """Samples that need not be taken again: valid ones, and under load all of a pass in which some
    request was answered."""
    if cell.load is None:
        return len(cell.valid)
    passes = (each for group in counting(cell.passes).values() for each in group)
    return sum(len(each.samples) for each in passes if each.valid)
