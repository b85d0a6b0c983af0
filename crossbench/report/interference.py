"""What a background costs: the disturbed scenario against the quiet one, launch by launch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from crossbench.analysis.measurements import Measurements
from crossbench.analysis.metric import Metric, summarised
from crossbench.comparison.compare import Pair, compare
from crossbench.comparison.side import Side
from crossbench.journal.events import BackgroundWorked
from crossbench.places.placement import Place
from crossbench.plan.model import Plan
from crossbench.report.company_model import Interference
from crossbench.report.comparisons import side
from crossbench.report.model import ScenarioReport, TargetReport
from crossbench.statistics.verdict import PRIMARY
from crossbench.suite.beside import plain_name
from crossbench.suite.model import Scenario
from crossbench.suite.tables.comparison import Axis

NS = 1e9


def interference(
    plan: Plan,
    measured: Measurements,
    scenarios: Sequence[ScenarioReport],
    targets: Sequence[TargetReport],
    axis: Collection[Axis],
) -> tuple[Interference, ...]:
    """Every target on every scenario with a background, in the order of the suite."""
    found = [
        _found(target.name, scenario, measured)
        for scenario in plan.suite.scenarios
        if scenario.background is not None
        for target in targets
        if (target.name, scenario.name) in measured.cells
        or (target.name, scenario.name) in measured.failures
    ]
    whole = [each for each in found if each.withheld is None]
    known = {each.name: each for each in scenarios}
    compared = compare([_pair(each, known, targets) for each in whole], axis)
    ratios = iter(compared)
    return tuple(
        each if each.withheld else replace(each, comparison=next(ratios)) for each in found
    )


def _found(target: str, scenario: Scenario, measured: Measurements) -> Interference:
    assert scenario.background is not None
    assert scenario.quiet is not None
    place = (target, scenario.name)
    worked = measured.backgrounds[place]
    progress = _progress(worked, measured)
    return Interference(
        target=target,
        scenario=plain_name(scenario),
        quiet=scenario.quiet,
        disturbed=scenario.name,
        background=scenario.background.words,
        places=_places(target, measured),
        beside=worked[0].place if worked else None,
        comparison=None,
        progress=progress,
        withheld="; ".join(dict.fromkeys(_against(target, scenario, progress, measured))) or None,
    )


def _against(
    target: str, scenario: Scenario, progress: Metric | None, measured: Measurements
) -> Iterator[str]:
    """Why the two may not be held against each other."""
    for name in (scenario.name, scenario.quiet or ""):
        for failure in measured.failures.get((target, name), ()):
            yield f"{name} failed in {failure.launch}: {failure.message}"
        cell = measured.cells.get((target, name))
        if cell is None or not cell.valid:
            yield f"{name} has no valid sample"
    if progress is None or progress.value is None:
        yield "the background did nothing while it was measured"


def _progress(worked: Sequence[BackgroundWorked], measured: Measurements) -> Metric | None:
    """What the background did, by launch; None where it was never at work."""
    if not worked:
        return None
    groups: dict[str, list[BackgroundWorked]] = defaultdict(list)
    for event in worked:
        groups[measured.started[event.launch].planned].append(event)
    tokens = any(event.tokens is not None for event in worked)
    name, unit = ("background_tps", "tokens/s") if tokens else ("background_cpus", "processors")
    return summarised(
        name,
        unit,
        launches={
            launch: sum(_done(event) for event in events)
            / sum((event.end_ns - event.begin_ns) / NS for event in events)
            for launch, events in groups.items()
        },
    )


def _done(event: BackgroundWorked) -> float:
    return float(event.tokens if event.tokens is not None else event.cpu_s or 0.0)


def _places(target: str, measured: Measurements) -> tuple[Place, ...]:
    """What its workers were held to in the first launch that tells."""
    launches = measured.launches_of(target)
    return measured.started[launches[0]].places if launches else ()


def _pair(
    each: Interference, scenarios: dict[str, ScenarioReport], targets: Sequence[TargetReport]
) -> Pair:
    alone, beside = (
        _plain(side(scenarios[name], targets, each.target, shown))
        for name, shown in ((each.quiet, "alone"), (each.disturbed, f"beside {each.background}"))
    )
    return Pair(scenario=each.quiet, target=beside, baseline=alone, paired=True)


def _plain(found: Side) -> Side:
    """With its values as they are: the two are measured in turn, so that they share any drift."""
    return replace(found, levelled={name: found.by_block(name) for name in PRIMARY})
