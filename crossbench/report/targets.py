"""The targets of a run: what each one is, what it resolved to, and how it loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TypeVar

from crossbench.analysis.cell import Cell
from crossbench.analysis.definitions import first_request_ratio, load_metrics
from crossbench.analysis.measurements import Measurements
from crossbench.api import DeviceMemory
from crossbench.errors import InputError
from crossbench.journal.manifest import Manifest
from crossbench.plan.model import TargetPlan
from crossbench.report.conduct import drifted
from crossbench.report.model import TargetReport
from crossbench.suite.model import Target

T = TypeVar("T")


def target(manifest: Manifest, planned: TargetPlan, measured: Measurements) -> TargetReport:
    """One of the plan's. Raises InputError where the manifest says nothing of it."""
    asked = _suite_target(manifest, planned.target)
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
        options=asked.options,
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
