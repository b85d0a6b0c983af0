"""Several runs in one report: machines side by side, or one machine again.

Cells of one scenario stand in one table only where it is the same work: prompts, lengths and load.
Within a run targets are compared in pairs, between runs they are not, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.report.among import Among, among
from crossbench.report.labels import APART, apart, labelled, machine_facts
from crossbench.report.load_model import LoadReport
from crossbench.report.model import (
    NonResultReport,
    QualityReport,
    Report,
    RunReport,
    ScenarioReport,
    ScoringReport,
)
from crossbench.report.renamed import renamed
from crossbench.suggest import suggestion


class Given(Struct, frozen=True, kw_only=True):
    """One run as a user hands it over."""

    written: str
    label: str | None
    """The user's own, if one was given."""
    report: Report


def several(given: Sequence[Given], baseline: str | None = None) -> Report:
    """One report of all. Raises InputError where they cannot stand in one."""
    _refuse(given)
    labels = labelled([each.label for each in given], [each.report.machine for each in given])
    if len(set(labels)) < len(labels):
        raise InputError(f"two runs are called {_twice(labels)}; give each a label: LABEL=RUN")
    runs = _renamed([each.report for each in given], labels)
    found = among(runs, _baseline(runs, baseline))
    return _report(runs, labels, found, tuple(_notes(given, labels)))


def _renamed(reports: Sequence[Report], labels: Sequence[str]) -> list[Report]:
    kept = [replace(each, non_results=tuple(_missing(each, reports))) for each in reports]
    targets = apart([_names(each) for each in kept], labels)
    scenarios = _scenarios(kept, labels)
    return [renamed(*each) for each in zip(kept, labels, targets, scenarios, strict=True)]


def _names(report: Report) -> Iterator[str]:
    """Its targets, and those it could not measure."""
    yield from (target.name for target in report.targets)
    yield from (each.target for each in report.non_results)


def _missing(report: Report, reports: Sequence[Report]) -> Iterator[NonResultReport]:
    """What it could not measure, less targets that could not run there and did in another run."""
    own = {target.name for target in report.targets}
    for each in report.non_results:
        if each.target in own or not any(_measured(other, each) for other in reports):
            yield each


def _measured(report: Report, lacking: NonResultReport) -> bool:
    cells = {
        (scenario.name, cell.target) for scenario in report.scenarios for cell in scenario.cells
    }
    if lacking.scenario is None:
        return any(target == lacking.target for _, target in cells)
    return (lacking.scenario, lacking.target) in cells


def _work(scenario: ScenarioReport) -> ScenarioReport:
    """What two scenarios of one name must have in common to be one."""
    return replace(scenario, cells=(), same_ids=None)


def _scenarios(reports: Sequence[Report], labels: Sequence[str]) -> list[Mapping[str, str]]:
    """For each run its scenarios -> their names among all: other work has a name of its own."""
    first: dict[str, ScenarioReport] = {}
    for report in reports:
        for each in report.scenarios:
            first.setdefault(each.name, _work(each))
    return [
        {each.name: _called(each, first[each.name], label) for each in report.scenarios}
        for report, label in zip(reports, labels, strict=True)
    ]


def _called(scenario: ScenarioReport, first: ScenarioReport, label: str) -> str:
    return scenario.name if _work(scenario) == first else f"{scenario.name}{APART}{label}"


def _baseline(runs: Sequence[Report], chosen: str | None) -> str | None:
    """The reader's choice, else the first run's. Raises InputError where it was not measured."""
    measured = list(dict.fromkeys(target for run in runs for target in _targets(run)))
    if chosen is None:
        return next((run.baseline for run in runs if run.baseline), next(iter(measured), None))
    found = [name for name in measured if name == chosen or name.startswith(f"{chosen}{APART}")]
    if not found:
        raise InputError(
            f"--baseline {chosen}: no run has such a target measured"
            f"{suggestion(chosen, measured)}; measured were {', '.join(measured) or 'none'}"
        )
    return found[0]


def _targets(run: Report) -> Iterator[str]:
    cells = {cell.target for scenario in run.scenarios for cell in scenario.cells}
    yield from (target.name for target in run.targets if target.name in cells)


def _report(
    runs: Sequence[Report], labels: Sequence[str], found: Among, notes: tuple[str, ...]
) -> Report:
    return replace(
        runs[0],
        outcome=next((run.outcome for run in runs if run.outcome != "complete"), "complete"),
        targets=tuple(target for run in runs for target in run.targets),
        scenarios=_together(runs),
        baseline=found.baseline,
        absent_baseline=None,
        axis=tuple(word for word in runs[0].axis if all(word in run.axis for run in runs)),
        comparisons=found.comparisons,
        further=found.further,
        run_drifts=(),
        scoring=_scoring(runs, labels),
        non_results=tuple(each for run in runs for each in run.non_results),
        redacted=all(run.redacted for run in runs),
        suite_shown=all(run.suite_shown for run in runs),
        runs=tuple(_run(*each) for each in zip(runs, labels, strict=True)),
        notes=notes,
        memory=tuple(use for run in runs for use in run.memory),
        energy=tuple(use for run in runs for use in run.energy),
        bandwidth=tuple(use for run in runs for use in run.bandwidth),
        latencies=tuple(each for run in runs for each in run.latencies),
        loads=_loads(runs, labels),
        scaling=(),
        interference=(),
        instrument=None,
    )


def _together(runs: Sequence[Report]) -> tuple[ScenarioReport, ...]:
    """Scenarios in the order they first come, each with the cells of all runs."""
    found: dict[str, list[ScenarioReport]] = {}
    for run in runs:
        for each in run.scenarios:
            found.setdefault(each.name, []).append(each)
    return tuple(
        replace(
            each[0],
            cells=tuple(cell for part in each for cell in part.cells),
            same_ids=_all([part.same_ids for part in each]),
        )
        for each in found.values()
    )


def _loads(runs: Sequence[Report], labels: Sequence[str]) -> tuple[LoadReport, ...]:
    """Loads of one kind together, others of the same name with their run's label."""
    found: dict[str, LoadReport] = {}
    for run, label in zip(runs, labels, strict=True):
        for load in run.loads:
            known = found.get(load.name)
            if known is None:
                found[load.name] = load
            elif replace(known, curves=()) == replace(load, curves=()):
                found[load.name] = replace(known, curves=(*known.curves, *load.curves))
            else:
                name = f"{load.name}{APART}{label}"
                found[name] = replace(load, name=name)
    return tuple(found.values())


def _all(told: Sequence[bool | None]) -> bool | None:
    known = [each for each in told if each is not None]
    return all(known) if known else None


def _scoring(runs: Sequence[Report], labels: Sequence[str]) -> ScoringReport | None:
    """The first run's text; who was scored on another, or on none, has no number beside it."""
    first = next((run.scoring for run in runs if run.scoring), None)
    if first is None:
        return None
    targets: list[QualityReport] = []
    for run, label in zip(runs, labels, strict=True):
        own = run.scoring
        if own is not None and (own.sha256, own.window_tokens) == (
            first.sha256,
            first.window_tokens,
        ):
            targets += own.targets
        else:
            reason = f"{label} scored another text" if own else f"{label} scored no text"
            targets += [_unscored(target.name, reason) for target in run.targets]
    return replace(first, targets=tuple(targets))


def _unscored(target: str, reason: str) -> QualityReport:
    return QualityReport(
        target=target,
        word="skipped",
        reason=reason,
        windows=0,
        tokens=0,
        bytes=0,
        bits_per_byte=None,
        difference=None,
    )


def _run(report: Report, label: str) -> RunReport:
    return RunReport(
        label=label,
        crossbench=report.crossbench,
        suite=report.suite,
        suite_sha256=report.suite_sha256,
        suite_shown=report.suite_shown,
        started=report.started,
        outcome=report.outcome,
        changes=report.changes,
        command=report.command,
        machine=report.machine,
        protocol=report.protocol,
        conduct=report.conduct,
        findings=report.findings,
        baseline=report.baseline,
        run_drifts=report.run_drifts,
        telemetry=report.telemetry,
        checks=report.checks,
        scaling=report.scaling,
        interference=report.interference,
        instrument=report.instrument,
    )


# What does not belong together


def _refuse(given: Sequence[Given]) -> None:
    """Raises InputError where no honest table holds them all."""
    for each in given:
        if each.report.runs:
            raise InputError(f"{each.written} holds several runs already; name each of them")
    for one, other in combinations(given, 2):
        if _identity(one.report) == _identity(other.report):
            raise InputError(f"{other.written} and {one.written} are one run; give it once")
        if one.report.definitions != other.report.definitions:
            raise InputError(
                f"{other.written} is reported by definitions {other.report.definitions}, "
                f"{one.written} by {one.report.definitions}: the same names mean other numbers. "
                "Make both anew from their runs: crossbench report RUN"
            )
    first = {(each.name, _work(each)) for each in given[0].report.scenarios}
    for each in given[1:]:
        if not any((own.name, _work(own)) in first for own in each.report.scenarios):
            raise InputError(
                f"{each.written} and {given[0].written} have no scenario in common (of the same "
                "name, prompts and lengths); report them apart"
            )


def _identity(report: Report) -> tuple[object, ...]:
    return report.suite_sha256, report.started, report.command, report.machine


def _twice(labels: Sequence[str]) -> str:
    return next(label for label in labels if labels.count(label) > 1)


def _notes(given: Sequence[Given], labels: Sequence[str]) -> Iterator[str]:
    first = given[0].report
    for each, label in list(zip(given, labels, strict=True))[1:]:
        yield from _against(each.report, label, first, labels[0])
    reports = [each.report for each in given]
    for each, label in zip(given, labels, strict=True):
        if each.report.null_test is not None:
            yield f"the null test of {label} stands in its own report"
        kept = list(_missing(each.report, reports))
        lost = [found for found in each.report.non_results if found not in kept]
        if lost:
            names = ", ".join(dict.fromkeys(found.target for found in lost))
            yield f"{names} could not run in {label}, and did elsewhere: {lost[0].reason}"


def _against(report: Report, label: str, first: Report, other: str) -> Iterator[str]:
    """What is not the same as in the first run."""
    if report.suite_sha256 != first.suite_sha256:
        yield (
            f"{label} ran another suite than {other} (sha256 {report.suite_sha256[:12]} against "
            f"{first.suite_sha256[:12]})"
        )
    if report.model != first.model:
        yield f"{label} names its model {report.model}, {other} {first.model}"
    if report.crossbench != first.crossbench:
        yield (
            f"{label} was measured by crossbench {report.crossbench}, {other} by {first.crossbench}"
        )
    known = {target.name: target.artifact.sha256 for target in first.targets}
    for target in report.targets:
        sha256 = known.get(target.name, target.artifact.sha256)
        if target.artifact.sha256 != sha256:
            yield (
                f"{target.name} is another artifact in {label} than in {other} (sha256 "
                f"{target.artifact.sha256[:12]} against {sha256[:12]})"
            )
    known_work = {each.name: _work(each) for each in first.scenarios}
    for scenario in report.scenarios:
        if known_work.get(scenario.name, _work(scenario)) != _work(scenario):
            yield f"{scenario.name} is other work in {label} than in {other}, and stands apart"
    if machine_facts(report.machine) == machine_facts(first.machine):
        yield f"{label} and {other} are one machine, or two alike"
