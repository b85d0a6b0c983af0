"""How the protocol of a run was carried out, read from its plan and its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from crossbench.analysis.drift import drift
from crossbench.analysis.exclusion import Rule
from crossbench.analysis.measurements import Measurements
from crossbench.journal.events import LeftOut
from crossbench.plan import protocol
from crossbench.plan.model import Plan
from crossbench.report.conduct_model import ConductReport, DriftReport, RestReport


def conduct(plan: Plan, measured: Measurements) -> ConductReport:
    """All of it."""
    return ConductReport(
        sentences=tuple(protocol.told(plan.suite.protocol, len(plan.targets), loaded=plan.loaded)),
        burnt_in=tuple(
            launch for launch in measured.ready if measured.started[launch].purpose == "burn_in"
        ),
        excluded=_excluded(measured),
        drifts=tuple(_drifts(measured)),
        rests=tuple(_rests(plan, measured)),
        left_out=tuple(_told(event) for event in measured.left_out),
        estimated=plan.estimate.span if plan.estimate and plan.estimate.paces else None,
        budget=plan.budget,
        seconds=measured.seconds,
    )


def drifted(measured: Measurements, target: str) -> bool | None:
    """Whether a target drifted within its launches; None where that cannot be told."""
    for scenario, cell in measured.cells_of.get(target, {}).items():
        if (found := drift(scenario, cell)) is not None:
            return found.flagged
    return None


def _drifts(measured: Measurements) -> Iterator[DriftReport]:
    for (target, scenario), cell in measured.cells.items():
        if (found := drift(scenario, cell)) is not None:
            yield DriftReport(target=target, drift=found)


def _excluded(measured: Measurements) -> Mapping[Rule, int]:
    rules = Counter(
        sample.rule
        for cell in measured.cells.values()
        for sample in cell.samples
        if sample.rule is not None
    )
    return dict(sorted(rules.items()))


def _rests(plan: Plan, measured: Measurements) -> Iterator[RestReport]:
    asked = plan.suite.protocol
    if not asked.cool_down_s and asked.start_below_c is None:
        return
    for launch, start in measured.started.items():
        if start.purpose == "timed":
            yield RestReport(launch=launch, seconds=start.rested_s, celsius=start.celsius)


def _told(event: LeftOut) -> str:
    blocks = ", ".join(str(block + 1) for block in event.blocks)
    what = f"blocks {blocks} of every target" if len(event.blocks) > 1 else f"block {blocks}"
    return f"{'scoring' if event.scoring else what}: skipped: {event.reason}"
