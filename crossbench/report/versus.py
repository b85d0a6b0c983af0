"""Two reports, or two targets of one, held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from crossbench.comparison.compare import Comparison, Pair, compare
from crossbench.comparison.side import Side
from crossbench.errors import InputError
from crossbench.report.comparisons import levelled_sides, side
from crossbench.report.model import Report, ScenarioReport
from crossbench.report.saved import Named
from crossbench.suite.tables.comparison import Axis

SCHEMA = 1


class Versus(Struct, frozen=True, kw_only=True):
    """What `crossbench compare` found; its JSON is this."""

    schema: int = SCHEMA
    baseline: str
    """As the user named it."""
    target: str
    axis: tuple[Axis, ...]
    notes: tuple[str, ...]
    """What the reader must know of the two as a whole."""
    comparisons: tuple[Comparison, ...]


def versus(baseline: Named, target: Named) -> Versus:
    """Every scenario that both measured. Raises InputError where there is nothing to compare."""
    one_run = _same_run(baseline.report, target.report)
    names = _targets(baseline, target, one_run=one_run)
    found = _paired(target.report, names) if one_run else _unpaired(baseline, target, names)
    pairs = list(found)
    if not pairs:
        raise InputError(
            f"{target.written} and {baseline.written}: no scenario was measured by both sides"
        )
    axis = tuple(word for word in baseline.report.axis if word in target.report.axis)
    return Versus(
        baseline=baseline.written,
        target=target.written,
        axis=axis,
        notes=tuple(_notes(baseline, target, one_run=one_run)),
        comparisons=compare(pairs, axis),
    )


def _paired(report: Report, names: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Pairs of one run, its drift taken out as in its own report."""
    levelled, _ = levelled_sides(report.scenarios, report.targets)
    for scenario, sides in levelled.items():
        for old, new in names:
            if old in sides and new in sides:
                yield Pair(scenario=scenario, target=sides[new], baseline=sides[old], paired=True)


def _unpaired(baseline: Named, target: Named, names: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Cells of two runs on scenarios of one name. Raises InputError without such a scenario."""
    for scenario, other in _scenarios(baseline.report, target.report):
        for old, new in names:
            if _has(scenario, old) and _has(other, new):
                yield Pair(
                    scenario=other.name,
                    target=_side(target, other, new),
                    baseline=_side(baseline, scenario, old),
                    paired=False,
                )


def _side(one: Named, scenario: ScenarioReport, target: str) -> Side:
    return side(scenario, one.report.targets, target, f"{one.label}#{target}")


def within(one: Named) -> Versus:
    """The targets of one run against its baseline. Raises InputError with fewer than two."""
    report = one.report
    if report.baseline is None or not report.comparisons:
        raise InputError(
            f"{one.written}: fewer than two of its targets were measured on one scenario; name "
            "another run to compare it with"
        )
    return Versus(
        baseline=f"{one.written}#{report.baseline}",
        target=one.written,
        axis=report.axis,
        notes=tuple(_unfinished(one)),
        comparisons=report.comparisons,
    )


def _same_run(one: Report, other: Report) -> bool:
    """A run's folder and a report saved from it are one run."""

    def identity(report: Report) -> tuple[object, ...]:
        return report.suite_sha256, report.started, report.command, report.machine

    return identity(one) == identity(other)


def _targets(baseline: Named, target: Named, *, one_run: bool) -> list[tuple[str, str]]:
    """Which is held against which: those named, else those of one name, else the only."""
    if baseline.target is None and target.target is None:
        if one_run:
            raise InputError(
                f"{target.written} and {baseline.written} are one run; name two targets of it, as "
                f"RUN#TARGET, or give it alone. It has {_listed(target)}"
            )
        known = _names(baseline)
        common = [name for name in _names(target) if name in known]
        if common:
            return [(name, name) for name in common]
    old = baseline.target or _only(baseline, target.target)
    new = target.target or _only(target, baseline.target)
    if one_run and old == new:
        raise InputError(f"{target.written} and {baseline.written} are the same; name two targets")
    return [(old, new)]


def _only(side_: Named, wanted: str | None) -> str:
    """The target of that name, or the only one. Raises InputError."""
    known = _names(side_)
    if wanted in known:
        return str(wanted)
    if len(known) != 1:
        raise InputError(
            f"{side_.written}: which of its targets is meant? Name one as RUN#TARGET; "
            f"it has {_listed(side_)}"
        )
    return known[0]


def _names(side_: Named) -> list[str]:
    return [target.name for target in side_.report.targets]


def _listed(side_: Named) -> str:
    return ", ".join(_names(side_)) or "none"


def _scenarios(old: Report, new: Report) -> list[tuple[ScenarioReport, ScenarioReport]]:
    """Those of one name. Raises InputError where there are none."""
    by_name = {scenario.name: scenario for scenario in old.scenarios}
    common = [(by_name[each.name], each) for each in new.scenarios if each.name in by_name]
    if not common:
        told = [", ".join(scenario.name for scenario in each.scenarios) for each in (old, new)]
        raise InputError(
            f"no scenario in common: suite {old.suite} has {told[0]}; suite {new.suite} has "
            f"{told[1]}"
        )
    return common


def _has(scenario: ScenarioReport, target: str) -> bool:
    return any(cell.target == target for cell in scenario.cells)


def _notes(baseline: Named, target: Named, *, one_run: bool) -> Iterator[str]:
    old, new = baseline.report, target.report
    if not one_run:
        yield (
            "two runs: their launches did not take turns, so a change of the machine between "
            "them counts as a difference (unpaired)"
        )
        if old.suite_sha256 != new.suite_sha256:
            yield (
                f"the suites are not the same ({old.suite}, sha256 {old.suite_sha256[:12]}; "
                f"{new.suite}, sha256 {new.suite_sha256[:12]}): what differs is named below"
            )
        yield from _alone(old, new, baseline.label)
        yield from _alone(new, old, target.label)
        if old.crossbench != new.crossbench:
            yield f"measured by crossbench {old.crossbench} and {new.crossbench}"
    yield from _unfinished(baseline)
    if not one_run:
        yield from _unfinished(target)


def _alone(one: Report, other: Report, label: str) -> Iterator[str]:
    """Scenarios that only one of the two has."""
    known = [scenario.name for scenario in other.scenarios]
    missing = [scenario.name for scenario in one.scenarios if scenario.name not in known]
    if missing:
        yield f"only {label} has scenario {', '.join(missing)}"


def _unfinished(one: Named) -> Sequence[str]:
    outcome = one.report.outcome
    return [] if outcome == "complete" else [f"{one.label} is {outcome}"]
