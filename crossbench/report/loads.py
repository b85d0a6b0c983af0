"""From the cells of a run to its levels of load, and from a level back to its cell.

For a chart of throughput against the speed of a single user, take `curve(report, load, target)`:
its points ascend by level, each with the two metrics and their intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from crossbench.analysis.goodput import ATTAINMENT
from crossbench.analysis.metric import Metric
from crossbench.analysis.passes import counting
from crossbench.analysis.samples import Cell, Measurements
from crossbench.plan.model import Plan
from crossbench.report.headline import Column, metric_of
from crossbench.report.load_model import CurveReport, LevelReport, LoadReport
from crossbench.report.model import Report, ScenarioReport
from crossbench.suite.model import Load, Scenario

USER, ALL, ATTAINED = "decode_tps", "throughput_tps", "slo_attainment"
"""Tokens per second of one user, of all of them, and the share of requests that met the SLO."""


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
    return tuple(
        load for name, group in groups.items() for load in _load(name, group, plan, measured, known)
    )


def _load(
    name: str,
    group: Sequence[Scenario],
    plan: Plan,
    measured: Measurements,
    known: Mapping[str, ScenarioReport],
) -> Iterator[LoadReport]:
    levels = [scenario.load for scenario in group if scenario.load is not None]
    first = levels[0]
    yield LoadReport(
        name=name,
        arrivals=first.arrivals if first.rate is not None else None,
        requests=tuple(load.requests for load in levels),
        room=first.room,
        slo=first.slo,
        attainment=ATTAINMENT,
        find=first.find,
        curves=tuple(
            _curve(target.target, group, measured, known)
            for target in plan.targets
            if any((target.target, scenario.name) in measured.cells for scenario in group)
        ),
    )


def _curve(
    target: str,
    group: Sequence[Scenario],
    measured: Measurements,
    known: Mapping[str, ScenarioReport],
) -> CurveReport:
    levels = [
        _level(target, scenario.name, scenario.load, cell, measured, known[scenario.name])
        for scenario in group
        if (cell := measured.cells.get((target, scenario.name))) and scenario.load is not None
    ]
    slo = group[0].load.slo if group[0].load else None
    shares = {level.scenario: _share(known[level.scenario], target) for level in levels}
    met = _meeting(levels)
    return CurveReport(
        target=target,
        levels=tuple(levels),
        highest=met[-1].level if met else None,
        verdict=_verdict(levels, met, shares) if slo is not None else None,
    )


def _level(
    target: str,
    scenario: str,
    load: Load,
    cell: Cell,
    measured: Measurements,
    known: ScenarioReport,
) -> LevelReport:
    passes = counting(cell.passes)
    taken = [each for group in passes.values() for each in group]
    left_out = sum(
        block >= 0 and (where, name) == (target, scenario)
        for where, block, name in measured.levels_left_out
    )
    share = _share(known, target)
    judged = load.slo is not None and share is not None and not left_out
    return LevelReport(
        scenario=scenario,
        level=load.level,
        words=load.words,
        launches=len(passes),
        requests=sum(len(each.samples) for each in taken),
        failed=sum(len(each.samples) - len(each.valid) for each in taken),
        met=share >= ATTAINMENT if judged and share is not None else None,
        left_out=left_out,
    )


def _share(scenario: ScenarioReport, target: str) -> float | None:
    """Of a level's requests, those that met the SLO."""
    metrics = next((cell.metrics for cell in scenario.cells if cell.target == target), ())
    attained = next((each.value for each in metrics if each.name == ATTAINED), None)
    return None if attained is None else attained / 100


def _meeting(levels: Sequence[LevelReport]) -> list[LevelReport]:
    """From the lowest on, as long as they meet the SLO."""
    met = []
    for level in levels:
        if not level.met:
            break
        met.append(level)
    return met


def _verdict(
    levels: Sequence[LevelReport],
    met: Sequence[LevelReport],
    shares: Mapping[str, float | None],
) -> str:
    if not levels:
        return "no level was measured"
    if len(met) == len(levels):
        return f"every level measured meets the SLO, up to {met[-1].words}"
    above = levels[len(met)]
    share = shares[above.scenario]
    if above.left_out:
        told = f"at {above.words} it is open, as {above.left_out} launches left that level out"
    elif share is None:
        told = f"at {above.words} nothing tells"
    else:
        told = f"at {above.words} {share:.1%} of requests do".replace("%", " %")
    highest = f"the highest level that meets the SLO is {met[-1].words}" if met else ""
    return f"{highest or 'no level is known to meet the SLO'}; {told}"
