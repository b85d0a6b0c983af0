"""Decode and prefill of every target in every scenario, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping

from crossbench.analysis.metric import Metric
from crossbench.report.charts import svg
from crossbench.report.charts.rows import At, Panel, Row, charts
from crossbench.report.charts.svg import Chart
from crossbench.report.headline import found_of
from crossbench.report.model import Report
from crossbench.report.words import quantity

LEGEND = (
    "Marker: mean over launches; bar: 95 % interval, dashed where there is only a range; "
    "ticks: launches. {better} is better."
)
TITLES = {
    "decode_tps": ("decode", "Decode speed"),
    "prefill_tps": ("prefill", "Prefill speed"),
    "throughput_tps": ("throughput", "Throughput"),
}


def speeds(report: Report) -> list[Chart]:
    """One chart for each metric that anything was measured of."""
    places = {target.name: place for place, target in enumerate(report.targets)}
    return [chart for metric in TITLES for chart in _metric(report, metric, places)]


def _metric(report: Report, metric: str, places: Mapping[str, int]) -> list[Chart]:
    panels = (
        Panel(
            place=number,
            name=scenario.name,
            rows=tuple(
                _row(places[cell.target], cell.target, found)
                for cell in scenario.cells
                if (found := found_of(cell, metric)) is not None
            ),
        )
        for number, scenario in enumerate(report.scenarios)
    )
    name, title = TITLES[metric]
    return charts(name, title, panels, "tokens/s", LEGEND.format(better="More"))


def _row(place: int, name: str, metric: Metric) -> Row:
    def draw(at: At, y: float) -> str:
        return interval(metric, place, at, y)

    if metric.value is None:
        return Row(place=place, name=name, draw=draw, values=(), shown="withheld")
    shown = quantity(metric.value, metric.unit)
    return Row(place=place, name=name, draw=draw, values=extent(metric), shown=shown)


def extent(metric: Metric) -> tuple[float, ...]:
    """All values of a metric that are drawn."""
    ends = (metric.ci95.low, metric.ci95.high) if metric.ci95 else (metric.low, metric.high)
    drawn = (metric.value, *ends, *metric.launches.values())
    return tuple(value for value in drawn if value is not None and value > 0)


def interval(metric: Metric, place: int, at: At, y: float) -> str:
    """The marker with its bar, and a tick for each launch."""
    low, high, kind = metric.low, metric.high, "bar range"
    if metric.ci95 is not None:
        low, high, kind = metric.ci95.low, metric.ci95.high, "bar"
    parts = []
    if low is not None and high is not None:
        parts.append(svg.line(at(low), y, at(high), y, kind))
    parts += [
        svg.line(at(each), y - 9, at(each), y - 5, "launch") for each in metric.launches.values()
    ]
    if metric.value is not None:
        parts.append(svg.mark(place, at(metric.value), y))
    return "".join(parts)
