"""From a run folder to its Report: a pure function of the files in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from crossbench.analysis.definitions import (
    DEFINITIONS,
    cache_state,
    cell_metrics,
    first_request_ratio,
    load_metrics,
)
from crossbench.analysis.samples import Cell, Measurements, Sample, by_launch
from crossbench.api import DeviceMemory
from crossbench.comparison.gather import invariants
from crossbench.errors import InputError
from crossbench.journal import Manifest, read_events, read_manifest
from crossbench.machine.redaction import anonymous, placeless, redacted
from crossbench.plan.model import Plan, ScenarioPlan, TargetPlan
from crossbench.report.comparisons import baseline_of, comparisons, levelled_sides, null_test
from crossbench.report.conduct import conduct, drifted
from crossbench.report.model import (
    CellReport,
    Invalid,
    NonResultReport,
    Report,
    ScenarioReport,
    TargetReport,
)
from crossbench.report.quality import scoring
from crossbench.report.readings import readings
from crossbench.suite.model import Target

T = TypeVar("T")


def build(folder: Path, baseline: str | None = None) -> Report:
    """Read a run and report it, against a `baseline` of the reader's choice if one is named.

    Raises InputError when the folder holds no readable run, or none of that baseline.
    """
    manifest = read_manifest(folder)
    plan = manifest.plan
    measured = Measurements(plan, enumerate(read_events(folder), 1))
    targets = tuple(_target(manifest, planned, measured) for planned in plan.targets)
    scenarios = tuple(_scenario(manifest, planned, measured) for planned in plan.scenarios)
    asked = plan.suite.comparison
    chosen = baseline_of(scenarios, targets, asked.baseline, baseline)
    sides, run_drifts = levelled_sides(scenarios, targets)
    compared = comparisons(sides, chosen, asked.axis)
    read = readings(folder, manifest, measured, scenarios)
    report = Report(
        definitions=DEFINITIONS,
        crossbench=manifest.crossbench,
        suite=plan.suite.name,
        title=plan.suite.title or plan.suite.name,
        model=plan.suite.model.name,
        suite_sha256=plan.suite.sha256,
        started=manifest.started,
        outcome=measured.outcome.outcome if measured.outcome else "unfinished",
        changes=measured.changes,
        command=tuple(map(placeless, manifest.command)),
        machine=redacted(plan.machine),
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
        non_results=_non_results(manifest, measured),
        telemetry=read.telemetry,
        memory=read.memory,
        energy=read.energy,
        bandwidth=read.bandwidth,
        checks=read.checks,
    )
    return anonymous(report, plan.machine)


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


def _scenario(manifest: Manifest, planned: ScenarioPlan, measured: Measurements) -> ScenarioReport:
    scenario = next(s for s in manifest.plan.suite.scenarios if s.name == planned.scenario)
    cells = {
        target.target: measured.cells[target.target, planned.scenario]
        for target in manifest.plan.targets
        if (target.target, planned.scenario) in measured.cells
    }
    return ScenarioReport(
        name=planned.scenario,
        prompt_tokens=planned.prompt_tokens,
        output_tokens=scenario.output_tokens,
        natural=scenario.natural,
        forced=scenario.forced,
        prompts_sha256=planned.prompts_sha256,
        same_ids=measured.same_ids(planned.scenario),
        cells=tuple(
            _cell(manifest, target, planned, measured)
            for target in manifest.plan.targets
            if target.target in cells
        ),
    )


def _planned(manifest: Manifest, target: str, scenario: ScenarioPlan) -> int:
    """Timed samples that the plan wanted of this cell."""
    launches = [launch for launch in manifest.plan.launches if launch.target == target]
    passes = manifest.plan.suite.protocol.repeats * len(scenario.prompt_tokens)
    return passes * sum(scenario.scenario in launch.scenarios for launch in launches)


def _cell(
    manifest: Manifest, target: TargetPlan, scenario: ScenarioPlan, measured: Measurements
) -> CellReport:
    cell = measured.cells[target.target, scenario.scenario]
    valid = cell.valid
    return CellReport(
        target=target.target,
        cache=cache_state(valid),
        counted_by=tuple(sorted({sample.counted_by for sample in valid})),
        metrics=tuple(cell_metrics(cell, measured.ready)),
        valid_samples=len(valid),
        planned_samples=_planned(manifest, target.target, scenario),
        invalid=tuple(
            Invalid(launch=sample.launch, line=sample.line, reason=sample.fault, rule=sample.rule)
            for sample in cell.samples
            if sample.fault is not None and sample.rule is not None
        ),
        lines=_lines(cell.samples),
        blocks=_blocks(cell.samples, measured),
        places=_places(manifest.plan, cell.samples),
        invariants=invariants(manifest, target, scenario, measured, DEFINITIONS),
        native={name: total / count for name, (total, count) in sorted(cell.native.items())},
    )


def _lines(samples: Sequence[Sample]) -> Mapping[str, tuple[int, int]]:
    """Launch -> first and last line of its samples."""
    return {launch: (group[0].line, group[-1].line) for launch, group in by_launch(samples).items()}


def _blocks(samples: Sequence[Sample], measured: Measurements) -> Mapping[str, int]:
    """Launch -> the block it stands in."""
    return {sample.launch: measured.started[sample.worker].block for sample in samples}


def _places(plan: Plan, samples: Sequence[Sample]) -> Mapping[str, int]:
    """Launch -> its number within the run. Raises InputError for one that is not in the plan."""
    order = {launch.id: place for place, launch in enumerate(plan.launches)}
    for sample in samples:
        if sample.launch not in order:
            raise InputError(f"run.json is damaged: it says nothing of launch {sample.launch}")
    return {sample.launch: order[sample.launch] for sample in samples}


def _non_results(manifest: Manifest, measured: Measurements) -> tuple[NonResultReport, ...]:
    """What was left out, and the failed cells that no later try completed."""
    excluded = [
        NonResultReport(
            target=item.target,
            scenario=item.scenario,
            word=item.word,
            kind=None,
            reason=item.reason,
        )
        for item in manifest.plan.exclusions
    ]
    planned = {scenario.scenario: scenario for scenario in manifest.plan.scenarios}
    empty = [
        NonResultReport(
            target=target,
            scenario=scenario,
            word="failed",
            kind="error",
            reason=f"no sample of it is valid: {cell.samples[0].fault}",
        )
        for (target, scenario), cell in measured.cells.items()
        if cell.samples and not cell.valid and not measured.failures.get((target, scenario))
    ]
    failed = [
        NonResultReport(
            target=target,
            scenario=scenario,
            word="failed",
            kind=failure.kind,
            reason=f"{failure.message} (phase: {failure.phase})",
            launch=failure.launch,
        )
        for (target, scenario), failures in measured.failures.items()
        if len(measured.cells[target, scenario].valid)
        < _planned(manifest, target, planned[scenario])
        for failure in failures
    ]
    return tuple(excluded + empty + failed)
