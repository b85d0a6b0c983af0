"""The headline: which metric of which scenario stands for the whole run."""

from __future__ import annotations

from msgspec import Struct

from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.model import CellReport, Report, ScenarioReport

METRICS = ("decode_tps", "prefill_tps", "ttft_s", "throughput_tps")
"""In the order of the columns, as far as anything was measured of them."""


_PLACES: dict[str, int] = {}
"""Metric -> where it stood in the last cell that was searched: in nearly all it stands there."""


class Column(Struct, frozen=True, kw_only=True):
    """One metric of one scenario."""

    metric: str
    scenario: str


def columns(report: Report) -> list[Column]:
    """For each metric the scenario in which most targets have it, of several the first; for
    throughput the one of the highest load."""
    found = (
        (metric, max(report.scenarios, key=lambda each: _standing(each, metric), default=None))
        for metric in METRICS
    )
    return [
        Column(metric=metric, scenario=best.name)
        for metric, best in found
        if best is not None and _measured(best, metric)
    ]


def _standing(scenario: ScenarioReport, metric: str) -> tuple[int, float]:
    load = scenario.load if metric == "throughput_tps" else None
    return _measured(scenario, metric), load.level if load else 0.0


def _measured(scenario: ScenarioReport, metric: str) -> int:
    return sum(
        found.value is not None
        for cell in scenario.cells
        if (found := found_of(cell, metric)) is not None
    )


def found_of(cell: CellReport, name: str) -> Metric | None:
    """The metric of a cell by its name, where it has one."""
    place = _PLACES.get(name, 0)
    if place < len(cell.metrics) and cell.metrics[place].name == name:
        return cell.metrics[place]
    for place, metric in enumerate(cell.metrics):
        if metric.name == name:
            _PLACES[name] = place
            return metric
    return None


def metric_of(report: Report, target: str, column: Column) -> Metric | None:
    """What the target has in this column."""
    cell = cell_of(report, target, column.scenario)
    return None if cell is None else found_of(cell, column.metric)


def cell_of(report: Report, target: str, scenario: str) -> CellReport | None:
    """What was measured of the target on the scenario, if anything was."""
    found = (cell for each in report.scenarios if each.name == scenario for cell in each.cells)
    return next((cell for cell in found if cell.target == target), None)


class Verdicts:
    """The comparisons of a report, found by scenario, target and metric."""

    def __init__(self, report: Report) -> None:
        self._found = {
            (comparison.scenario, comparison.target, each.metric): each
            for comparison in report.comparisons
            for each in comparison.metrics
        }

    def of(self, scenario: str, target: str, metric: str) -> Compared | None:
        """None for the baseline itself, and where nothing was compared."""
        return self._found.get((scenario, target, metric))
