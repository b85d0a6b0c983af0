"""Each run of a report by itself, for the sections that tell of one run."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from crossbench.report.model import Report, RunReport, ScenarioReport


class View(Struct, frozen=True, kw_only=True):
    """One run."""

    label: str | None
    """None where the report is of this run alone."""
    report: Report


def views(report: Report) -> Iterator[View]:
    """All runs of the report; of each what is its own, without comparisons between runs."""
    if not report.runs:
        yield View(label=None, report=report)
    for run in report.runs:
        yield View(label=run.label, report=_of(report, run))


def heading(label: str | None, title: str) -> str:
    """The title of a section, with the run it tells of where there are several."""
    return title if label is None else f"{title}: {label}"


def run_of(report: Report, target: str) -> Report | RunReport:
    """What is told of the run that measured this target."""
    label = next((each.run for each in report.targets if each.name == target), None)
    return next((run for run in report.runs if run.label == label), report)


def _of(report: Report, run: RunReport) -> Report:
    own = tuple(target for target in report.targets if target.run == run.label)
    names = {target.name for target in own}
    return replace(
        report,
        crossbench=run.crossbench,
        suite=run.suite,
        suite_sha256=run.suite_sha256,
        suite_shown=run.suite_shown,
        started=run.started,
        outcome=run.outcome,
        changes=run.changes,
        command=run.command,
        machine=run.machine,
        protocol=run.protocol,
        conduct=run.conduct,
        findings=run.findings,
        baseline=run.baseline,
        run_drifts=run.run_drifts,
        telemetry=run.telemetry,
        checks=run.checks,
        scaling=run.scaling,
        interference=run.interference,
        instrument=run.instrument,
        targets=own,
        scenarios=tuple(part for each in report.scenarios if (part := _cells(each, names)).cells),
        runs=(),
    )


def _cells(scenario: ScenarioReport, names: set[str]) -> ScenarioReport:
    kept = tuple(cell for cell in scenario.cells if cell.target in names)
    return replace(scenario, cells=kept)
