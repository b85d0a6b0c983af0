"""From a run folder to its Report: a pure function of the files in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from crossbench.analysis.definitions import (
    DEFINITIONS,
    first_request_ratio,
    load_metrics,
)
from crossbench.analysis.samples import Cell, Measurements
from crossbench.api import DeviceMemory
from crossbench.errors import InputError
from crossbench.journal import Manifest
from crossbench.machine.redaction import redacted as shown
from crossbench.plan.model import TargetPlan
from crossbench.redaction.run import Source, raw, redacted
from crossbench.report.cells import Cells
from crossbench.report.comparisons import baseline_of, comparisons, levelled_sides, null_test
from crossbench.report.conduct import conduct, drifted
from crossbench.report.interference import interference
from crossbench.report.latencies import latencies
from crossbench.report.loads import loads
from crossbench.report.model import (
    Report,
    TargetReport,
)
from crossbench.report.non_results import non_results
from crossbench.report.quality import scoring
from crossbench.report.readings import readings
from crossbench.report.scaling import scaling
from crossbench.suite.model import Target

T = TypeVar("T")


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
    targets = tuple(_target(manifest, planned, measured) for planned in plan.targets)
    cells = Cells(manifest, measured)
    scenarios = tuple(cells.scenario(planned) for planned in plan.scenarios)
    asked = plan.suite.comparison
    chosen = baseline_of(scenarios, targets, asked.baseline, baseline)
    sides, run_drifts = levelled_sides(scenarios, targets)
    compared = comparisons(sides, chosen, asked.axis)
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
        baseline=chosen,
        absent_baseline=None if baseline or chosen in (None, asked.baseline) else asked.baseline,
        comparisons=compared,
        run_drifts=run_drifts,
        null_test=null_test(plan.suite.null_test, sides, compared),
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


def _target(manifest: Manifest, planned: TargetPlan, measured: Measurements) -> TargetReport:
    target = _suite_target(manifest, planned.target)
    launches = measured.launches_of(planned.target)
    ready = [measured.ready[launch] for launch in launches]
    first = ready[0] if ready else None
    environment = _kept(manifest.environments, planned.target)
    installed = environment.versions
    built = {name: installed[name] for name in planned.distributions if name in installed}
    return TargetReport(
        name=planned.target,
        backend=planned.backend,
        plugin=planned.plugin,
        variant=planned.variant,
        how=environment.how,
        artifact=_kept(manifest.artifacts, planned.target),
        options=target.options,
        requires=planned.requires,
        versions={**built, **(first.versions if first else {})},
        python=first.python if first else None,
        loaded=first.loaded if first else None,
        resolved_alike=all(launch.loaded == ready[0].loaded for launch in ready),
        tokenizer=first.tokenizer if first else None,
        memory_loaded=first.memory if first else {},
        memory_ended=_memory_ended(measured, launches),
        stamp_error_s=max((launch.instrument.p99_ns for launch in ready), default=0) / 1e9 or None,
        launches=len(ready),
        undrained=tuple(
            launch
            for launch in launches
            if launch in measured.ended and measured.ended[launch].undrained
        ),
        left_behind=tuple(
            f"{launch}: {PurePath(command.partition(' ')[0]).name}"
            for launch in launches
            if launch in measured.ended
            for command in measured.ended[launch].left
        ),
        drift=drifted(measured, planned.target),
        metrics=tuple(load_metrics(ready, _first_requests(measured, launches))),
    )


def _kept(records: Mapping[str, T], target: str) -> T:
    try:
        return records[target]
    except KeyError:
        raise InputError(f"run.json is damaged: it says nothing of target {target}") from None


def _suite_target(manifest: Manifest, name: str) -> Target:
    return next(target for target in manifest.plan.suite.targets if target.name == name)


def _memory_ended(measured: Measurements, launches: Sequence[str]) -> Mapping[str, DeviceMemory]:
    """The engine's memory after the first launch that could still be asked."""
    for launch in launches:
        if launch in measured.ended and measured.ended[launch].memory:
            return measured.ended[launch].memory
    return {}


def _first_requests(measured: Measurements, launches: Sequence[str]) -> Mapping[str, float]:
    """Worker -> its first request over its steady ones."""
    ratios = {}
    for launch in launches:
        if launch in measured.first:
            scenario, first = measured.first[launch]
            cell = measured.cells.get((measured.started[launch].target, scenario), Cell())
            if (ratio := first_request_ratio(first, cell.valid)) is not None:
                ratios[launch] = ratio
    return ratios
