"""From a run folder to its Report: a pure function of the files in it."""

from __future__ import annotations

from pathlib import Path

from crossbench.analysis.definitions import DEFINITIONS
from crossbench.analysis.measurements import Measurements
from crossbench.machine.redaction import redacted as shown
from crossbench.redaction.run import Source, raw, redacted
from crossbench.report.cells import Cells
from crossbench.report.comparisons import standing
from crossbench.report.conduct import conduct
from crossbench.report.interference import interference
from crossbench.report.latencies import latencies
from crossbench.report.loads import loads
from crossbench.report.model import Report
from crossbench.report.non_results import non_results
from crossbench.report.quality import scoring
from crossbench.report.readings import readings
from crossbench.report.scaling import scaling
from crossbench.report.targets import target


def build(folder: Path, baseline: str | None = None, *, redact: bool = True) -> Report:
    """Read a run and report it, against a `baseline` of the reader's choice if one is named.

    Without `redact` names, paths and serials stay in it. Raises InputError when the folder holds no
    readable run, or none of that baseline.
    """
    return reported(redacted(folder) if redact else raw(folder), baseline)


def reported(source: Source, baseline: str | None = None) -> Report:
    """The report of a run, as far as its source tells. Raises InputError."""
    manifest = source.manifest
    plan = manifest.plan
    measured = Measurements(plan, enumerate(source.events(), 1))
    targets = tuple(target(manifest, planned, measured) for planned in plan.targets)
    cells = Cells(manifest, measured)
    scenarios = tuple(cells.scenario(planned) for planned in plan.scenarios)
    asked = plan.suite.comparison
    stand = standing(plan.suite, scenarios, targets, baseline)
    read = readings(source, measured, scenarios)
    return Report(
        definitions=DEFINITIONS,
        crossbench=manifest.crossbench,
        suite=plan.suite.name,
        title=plan.suite.title or plan.suite.name,
        model=plan.suite.model.name,
        suite_sha256=plan.suite.sha256,
        started=manifest.started,
        outcome=measured.outcome.outcome if measured.outcome else "unfinished",
        changes=measured.changes,
        command=manifest.command,
        machine=shown(plan.machine) if source.redacted else plan.machine,
        protocol=plan.suite.protocol,
        conduct=conduct(plan, measured),
        targets=targets,
        scenarios=scenarios,
        findings=plan.findings,
        axis=asked.axis,
        baseline=stand.baseline,
        absent_baseline=stand.absent,
        comparisons=stand.comparisons,
        run_drifts=stand.run_drifts,
        null_test=stand.null_test,
        scoring=scoring(plan, measured),
        non_results=non_results(plan, measured),
        loads=loads(plan, measured, scenarios),
        redacted=source.redacted,
        suite_shown=bool(manifest.suite_text),
        telemetry=read.telemetry,
        memory=read.memory,
        energy=read.energy,
        bandwidth=read.bandwidth,
        latencies=tuple(latencies(measured, scenarios)),
        checks=read.checks,
        scaling=scaling(plan, measured, scenarios, targets),
        interference=interference(plan, measured, scenarios, targets, asked.axis),
        instrument=measured.instrument,
    )
