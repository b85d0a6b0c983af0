"""How evenly tokens arrive: percentiles of the time between chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crossbench.analysis.metric import Metric
from crossbench.report.charts import svg
from crossbench.report.charts.rows import At, Panel, Row, charts
from crossbench.report.charts.svg import Chart
from crossbench.report.headline import found_of
from crossbench.report.model import CellReport, Report
from crossbench.report.words import quantity

PERCENTILES = ("chunk_gap_p50_s", "chunk_gap_p95_s", "chunk_gap_p99_s")
LEGEND = (
    "Marker: the median gap between two chunks; line: to the 95th percentile (long tick) and the "
    "99th (short tick), as far as the gaps measured carry these. Less is better."
)


def gaps(report: Report) -> list[Chart]:
    """Of every target in every scenario."""
    places = {target.name: place for place, target in enumerate(report.targets)}
    panels = (
        Panel(
            place=number,
            name=scenario.name,
            rows=tuple(_row(places, cell) for cell in scenario.cells),
        )
        for number, scenario in enumerate(report.scenarios)
    )
    return charts("gaps", "Time between chunks", panels, "s", LEGEND)


def _row(places: Mapping[str, int], cell: CellReport) -> Row:
    found = [found_of(cell, name) for name in PERCENTILES]
    values = [each.value for each in found if each is not None and each.value]
    place = places[cell.target]

    def draw(at: At, y: float) -> str:
        return _percentiles(found, place, at, y)

    return Row(
        place=place,
        name=cell.target,
        draw=draw,
        values=tuple(values),
        shown=quantity(values[0], "s") if values else "withheld",
    )


def _percentiles(found: Sequence[Metric | None], place: int, at: At, y: float) -> str:
    parts = []
    values = [each.value if each is not None else None for each in found]
    told = [value for value in values if value is not None]
    if len(told) > 1:
        parts.append(svg.line(at(min(told)), y, at(max(told)), y, "bar"))
    for value, reach in zip(values[1:], (7, 4), strict=True):
        if value is not None:
            parts.append(svg.line(at(value), y - reach, at(value), y + reach, "bar"))
    if values[0] is not None:
        parts.append(svg.mark(place, at(values[0]), y))
    return "".join(parts)
