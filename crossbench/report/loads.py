"""From the cells of a run to its levels of load, and from a level back to its cell.

For a chart of throughput against the speed of a single user, take `curve(report, load, target)`:
its points ascend by level, each with the two metrics and their intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from crossbench.analysis.cell import Cell
from crossbench.analysis.goodput import ATTAINMENT
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.metric import Metric
from crossbench.analysis.passes import counting
from crossbench.journal.events import CellFailed
from crossbench.plan.model import Plan
from crossbench.report import slo
from crossbench.report.headline import Column, metric_of
from crossbench.report.load_model import CurveReport, LevelReport, LoadReport
from crossbench.report.model import Report, ScenarioReport
from crossbench.report.non_results import Failures, unresolved
from crossbench.report.words import plain, shortened
from crossbench.suite.model import Load, Scenario

USER, ALL, ATTAINED = "decode_tps", "throughput_tps", "slo_attainment"
"""Tokens per second of one user, of all of them, and the share of requests that met the SLO."""
LONGEST = 160
"""Letters of a failure's message that a verdict repeats; all of it stands where failures do."""


class Point(Struct, frozen=True, kw_only=True):
    """One level of a curve."""

    level: LevelReport
    user: Metric
    """Tokens per second of a single user."""
    throughput: Metric
    """Tokens per second of all together, in the steady window."""


def curve(report: Report, load: LoadReport, target: str) -> list[Point]:
    """Throughput against the speed of a single user, of the levels that have both."""
    points = []
    for level in next((each.levels for each in load.curves if each.target == target), ()):
        user, throughput = (found(report, target, level, name) for name in (USER, ALL))
        if user is not None and throughput is not None:
            points.append(Point(level=level, user=user, throughput=throughput))
    return points


def found(report: Report, target: str, level: LevelReport, metric: str) -> Metric | None:
    """The metric of a level by its name, where it has a value."""
    known = metric_of(report, target, Column(metric=metric, scenario=level.scenario))
    return known if known is not None and known.value is not None else None


def loads(
    plan: Plan, measured: Measurements, scenarios: Iterable[ScenarioReport]
) -> tuple[LoadReport, ...]:
    """All scenarios under load, in the order of the suite; `scenarios` has their cells' metrics."""
    planned = {each.scenario for each in plan.scenarios}
    groups: dict[str, list[Scenario]] = {}
    for scenario in plan.suite.scenarios:
        if scenario.load is not None and scenario.name in planned:
            groups.setdefault(scenario.load.of, []).append(scenario)
    known = {scenario.name: scenario for scenario in scenarios}
    failures = unresolved(plan, measured)
    return tuple(
        _load(name, group, [target.target for target in plan.targets], measured, known, failures)
        for name, group in groups.items()
    )


def _load(
    name: str,
    group: Sequence[Scenario],
    targets: Sequence[str],
    measured: Measurements,
    known: Mapping[str, ScenarioReport],
    failures: Failures,
) -> LoadReport:
    levels = [scenario.load for scenario in group if scenario.load is not None]
    first = levels[0]
    curves = (_curve(target, group, measured, known, failures) for target in targets)
    return LoadReport(
        name=name,
        arrivals=first.arrivals if first.rate is not None else None,
        requests=tuple(load.requests for load in levels),
        room=first.room,
        slo=first.slo,
        attainment=ATTAINMENT,
        find=first.find,
        curves=tuple(curve for curve in curves if curve.levels),
    )


def _curve(
    target: str,
    group: Sequence[Scenario],
    measured: Measurements,
    known: Mapping[str, ScenarioReport],
    failures: Failures,
) -> CurveReport:
    """Of every level that was tried, also where all that came of it is a failure."""
    shares = {scenario.name: _share(known[scenario.name], target) for scenario in group}
    levels = []
    for scenario in group:
        cell = measured.cells.get((target, scenario.name), Cell())
        lost = failures.get((target, scenario.name), ())
        if scenario.load is not None and (cell.samples or lost):
            left_out = sum(
                block >= 0 and (where, name) == (target, scenario.name)
                for where, block, name in measured.levels_left_out
            )
            levels.append(_level(scenario.name, scenario.load, cell, lost, left_out, shares))
    best = slo.highest(levels, shares)
    judged = group[0].load is not None and group[0].load.slo is not None
    return CurveReport(
        target=target,
        levels=tuple(levels),
        highest=best.level if best is not None else None,
        verdict=slo.verdict(levels, shares) if judged else None,
    )


def _level(
    scenario: str,
    load: Load,
    cell: Cell,
    failures: Sequence[CellFailed],
    left_out: int,
    shares: slo.Shares,
) -> LevelReport:
    passes = counting(cell.passes)
    taken = [each for group in passes.values() for each in group]
    failure = _failure(failures[0]) if failures else None
    share = shares[scenario]
    return LevelReport(
        scenario=scenario,
        level=load.level,
        words=load.words,
        launches=len(passes),
        requests=sum(len(each.samples) for each in taken),
        failed=sum(len(each.samples) - len(each.valid) for each in taken),
        failure=failure,
        met=slo.met(share, failure=failure, left_out=left_out) if load.slo is not None else None,
        left_out=left_out,
    )


def _failure(event: CellFailed) -> str:
    return f"{shortened(plain(event.message), LONGEST)} ({event.kind}, in {event.launch})"


def _share(scenario: ScenarioReport, target: str) -> Metric | None:
    """Of a level's requests, those that met the SLO."""
    metrics = next((cell.metrics for cell in scenario.cells if cell.target == target), ())
    return next((each for each in metrics if each.name == ATTAINED), None)
