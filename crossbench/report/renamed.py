"""The report of one run with its targets and scenarios called as among several runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from crossbench.analysis.bandwidth import BandwidthUse
from crossbench.analysis.energy import EnergyUse
from crossbench.analysis.latency import Latency
from crossbench.analysis.memory import MemoryUse
from crossbench.analysis.telemetry import Pace, Telemetry
from crossbench.report.company_model import Interference, Scaling, ScalingRow
from crossbench.report.conduct_model import ConductReport
from crossbench.report.load_model import LoadReport
from crossbench.report.model import (
    NonResultReport,
    Report,
    ScenarioReport,
)
from crossbench.report.quality_model import ScoringReport

Names = Mapping[str, str]
Cell = TypeVar("Cell", BandwidthUse, EnergyUse, Latency, Pace, ScalingRow)
"""What is told of one target on one scenario."""


def renamed(report: Report, label: str, targets: Names, scenarios: Names) -> Report:
    """Every target and scenario by its new name, every device with the run's label.

    Comparisons are left out: they are made anew among several runs.
    """
    return replace(
        report,
        targets=tuple(
            replace(each, name=_new(targets, each.name), run=label) for each in report.targets
        ),
        scenarios=tuple(_scenario(each, targets, scenarios) for each in report.scenarios),
        findings=tuple(
            replace(each, targets=tuple(_new(targets, name) for name in each.targets))
            for each in report.findings
        ),
        conduct=_conduct(report.conduct, targets, scenarios),
        baseline=None if report.baseline is None else _new(targets, report.baseline),
        comparisons=(),
        run_drifts=tuple(
            replace(each, scenario=_new(scenarios, each.scenario)) for each in report.run_drifts
        ),
        null_test=None,
        scoring=_scoring(report.scoring, targets),
        non_results=tuple(_non_result(each, targets, scenarios) for each in report.non_results),
        telemetry=_telemetry(report.telemetry, targets, scenarios),
        memory=tuple(_memory(each, label, targets) for each in report.memory),
        energy=tuple(_energy(each, label, targets, scenarios) for each in report.energy),
        bandwidth=tuple(_placed(each, targets, scenarios) for each in report.bandwidth),
        loads=tuple(_load(each, targets, scenarios) for each in report.loads),
        latencies=tuple(_placed(each, targets, scenarios) for each in report.latencies),
        checks=tuple(replace(each, subject=_new(targets, each.subject)) for each in report.checks),
        scaling=tuple(_scaling(each, targets, scenarios) for each in report.scaling),
        interference=tuple(_interference(each, targets, scenarios) for each in report.interference),
    )


def _new(names: Names, name: str) -> str:
    return names.get(name, name)


def _placed(each: Cell, targets: Names, scenarios: Names) -> Cell:
    return replace(each, target=_new(targets, each.target), scenario=_new(scenarios, each.scenario))


def _scenario(scenario: ScenarioReport, targets: Names, scenarios: Names) -> ScenarioReport:
    cells = tuple(replace(cell, target=_new(targets, cell.target)) for cell in scenario.cells)
    return replace(scenario, name=_new(scenarios, scenario.name), cells=cells)


def _load(load: LoadReport, targets: Names, scenarios: Names) -> LoadReport:
    curves = tuple(
        replace(
            curve,
            target=_new(targets, curve.target),
            levels=tuple(
                replace(level, scenario=_new(scenarios, level.scenario)) for level in curve.levels
            ),
        )
        for curve in load.curves
    )
    return replace(load, curves=curves)


def _conduct(conduct: ConductReport, targets: Names, scenarios: Names) -> ConductReport:
    drifts = tuple(
        replace(
            each,
            target=_new(targets, each.target),
            drift=replace(each.drift, scenario=_new(scenarios, each.drift.scenario)),
        )
        for each in conduct.drifts
    )
    return replace(conduct, drifts=drifts)


def _scoring(scoring: ScoringReport | None, targets: Names) -> ScoringReport | None:
    if scoring is None:
        return None
    return replace(
        scoring,
        reference=None if scoring.reference is None else _new(targets, scoring.reference),
        targets=tuple(replace(each, target=_new(targets, each.target)) for each in scoring.targets),
    )


def _non_result(each: NonResultReport, targets: Names, scenarios: Names) -> NonResultReport:
    scenario = None if each.scenario is None else _new(scenarios, each.scenario)
    return replace(each, target=_new(targets, each.target), scenario=scenario)


def _telemetry(told: Telemetry, targets: Names, scenarios: Names) -> Telemetry:
    return replace(
        told,
        watches=tuple(replace(each, target=_new(targets, each.target)) for each in told.watches),
        paces=tuple(_placed(each, targets, scenarios) for each in told.paces),
    )


def _memory(use: MemoryUse, label: str, targets: Names) -> MemoryUse:
    return replace(use, target=_new(targets, use.target), device=f"{use.device}, {label}")


def _energy(use: EnergyUse, label: str, targets: Names, scenarios: Names) -> EnergyUse:
    devices = tuple(f"{device}, {label}" for device in use.devices)
    return replace(_placed(use, targets, scenarios), devices=devices)


def _scaling(found: Scaling, targets: Names, scenarios: Names) -> Scaling:
    def rows(told: Iterable[ScalingRow]) -> tuple[ScalingRow, ...]:
        return tuple(_placed(each, targets, scenarios) for each in told)

    return replace(
        found,
        baseline=None if found.baseline is None else _new(targets, found.baseline),
        rows=rows(found.rows),
        best=rows(found.best),
        places={_new(targets, name): places for name, places in found.places.items()},
    )


def _interference(found: Interference, targets: Names, scenarios: Names) -> Interference:
    compared = found.comparison
    return replace(
        found,
        target=_new(targets, found.target),
        quiet=_new(scenarios, found.quiet),
        disturbed=_new(scenarios, found.disturbed),
        comparison=compared and replace(compared, scenario=_new(scenarios, compared.scenario)),
    )
