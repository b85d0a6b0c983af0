"""Several runs in one report: machines side by side, or one machine again.

Cells of one scenario stand in one table only where it is the same work: prompts, lengths and load.
Within a run targets are compared in pairs, between runs they are not, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.report.among import Among, among
from crossbench.report.belonging import Given, missing, notes, refuse
from crossbench.report.labels import APART, apart, labelled
from crossbench.report.load_groups import united
from crossbench.report.load_model import LoadReport
from crossbench.report.model import Report, RunReport, ScenarioReport
from crossbench.report.quality_model import QualityReport, ScoringReport
from crossbench.report.renamed import renamed
from crossbench.report.work import work
from crossbench.suggest import suggestion


def several(given: Sequence[Given], baseline: str | None = None) -> Report:
    """One report of all. Raises InputError where they cannot stand in one."""
    refuse(given)
    labels = labelled([each.label for each in given], [each.report.machine for each in given])
    if len(set(labels)) < len(labels):
        raise InputError(f"two runs are called {_twice(labels)}; give each a label: LABEL=RUN")
    runs = _renamed([each.report for each in given], labels)
    found = among(runs, _baseline(runs, baseline))
    return _report(runs, labels, found, tuple(notes(given, labels)))


def _renamed(reports: Sequence[Report], labels: Sequence[str]) -> list[Report]:
    kept = [replace(each, non_results=tuple(missing(each, reports))) for each in reports]
    targets = apart([_names(each) for each in kept], labels)
    scenarios = _scenarios(kept, labels)
    return [renamed(*each) for each in zip(kept, labels, targets, scenarios, strict=True)]


def _names(report: Report) -> Iterator[str]:
    """Its targets, and those it could not measure."""
    yield from (target.name for target in report.targets)
    yield from (each.target for each in report.non_results)


def _scenarios(reports: Sequence[Report], labels: Sequence[str]) -> list[Mapping[str, str]]:
    """For each run its scenarios -> their names among all: work that is not that of the first run
    with such a scenario carries the label of the first that did it."""
    names: dict[str, dict[ScenarioReport, str]] = {}
    for report, label in zip(reports, labels, strict=True):
        for each in report.scenarios:
            known = names.setdefault(each.name, {})
            known.setdefault(work(each), f"{each.name}{APART}{label}" if known else each.name)
    return [
        {each.name: names[each.name][work(each)] for each in report.scenarios} for report in reports
    ]


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
        title=_title(runs),
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


def _title(runs: Sequence[Report]) -> str:
    """Those of the runs, two at most."""
    first, *others = dict.fromkeys(run.title for run in runs)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return " / ".join([first, *others[:1]]) + more


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
    """Loads of one kind together, others of the same name with the label of their first run."""
    found: list[LoadReport] = []
    seen: set[str] = set()
    for each in united(dict(zip(labels, runs, strict=True))):
        name = each.load.name
        apart = f"{name}{APART}{each.labels[0]}" if name in seen else name
        seen.add(name)
        found.append(replace(each.load, name=apart))
    return tuple(found)


def _all(told: Sequence[bool | None]) -> bool | None:
    known = [each for each in told if each is not None]
    return all(known) if known else None


def _scoring(runs: Sequence[Report], labels: Sequence[str]) -> ScoringReport | None:
    """The first run's text; who was scored on another, or on none, has no number beside it.

    A difference stays where both runs' references are of the same bytes.
    """
    scored = next((run for run in runs if run.scoring), None)
    if scored is None or scored.scoring is None:
        return None
    first, reference = scored.scoring, _reference(scored)
    targets: list[QualityReport] = []
    for run, label in zip(runs, labels, strict=True):
        own = run.scoring
        if own is not None and (own.sha256, own.window_tokens) == (
            first.sha256,
            first.window_tokens,
        ):
            alike = _reference(run) == reference
            targets += own.targets if alike else (_alone(each, label) for each in own.targets)
        else:
            reason = f"{label} scored another text" if own else f"{label} scored no text"
            targets += [_unscored(target.name, reason) for target in run.targets]
    return replace(first, targets=tuple(targets))


def _reference(run: Report) -> str | None:
    """The sha256 of the artifact that a run's targets are held against."""
    name = run.scoring.reference if run.scoring else None
    return next((each.artifact.sha256 for each in run.targets if each.name == name), None)


def _alone(scored: QualityReport, label: str) -> QualityReport:
    if scored.word is not None:
        return scored
    reason = f"{label} was held against another artifact"
    return replace(scored, difference=None, reason=reason)


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


def _twice(labels: Sequence[str]) -> str:
    return next(label for label in labels if labels.count(label) > 1)
