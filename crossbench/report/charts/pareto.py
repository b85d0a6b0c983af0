"""What all users get together against what each of them gets, over the levels of a load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from crossbench.analysis.metric import Metric
from crossbench.report.charts import svg
from crossbench.report.charts.key import key
from crossbench.report.charts.rows import LEGEND, LINE, MARGIN
from crossbench.report.charts.scale import Scale, fitting
from crossbench.report.charts.speeds import extent
from crossbench.report.charts.svg import WIDTH, Chart
from crossbench.report.load_model import LoadReport
from crossbench.report.loads import Point, curve
from crossbench.report.model import Report
from crossbench.report.words import counted, quantity

LEFT, RIGHT, TOP, BOTTOM = 64.0, WIDTH - 24.0, 70.0, 330.0
MOST_TARGETS = 16
MOST_CHARTS = 4
FAR = 16.0
"""Units between two points below which the number of the second is not written."""

Curves = Mapping[int, Sequence[Point]]
"""Place of the target -> its levels, ascending."""


def pareto(report: Report) -> list[Chart]:
    """One chart for each load of which some target was measured at two levels or more."""
    found = [(load, _curves(report, load)) for load in report.loads]
    drawn = [(load, curves) for load, curves in found if curves][:MOST_CHARTS]
    return [_chart(report, *each, number) for number, each in enumerate(drawn, 1)]


def _curves(report: Report, load: LoadReport) -> Curves:
    curves = {
        place: points
        for place, target in enumerate(report.targets[:MOST_TARGETS])
        if (points := curve(report, load, target.name))
    }
    return curves if any(len(points) > 1 for points in curves.values()) else {}


def _chart(report: Report, load: LoadReport, curves: Curves, number: int) -> Chart:
    title = f"Throughput against the speed of each user, {load.name}"
    points = [point for line in curves.values() for point in line]
    across = fitting([value for each in points for value in extent(each.user)], LEFT, RIGHT)
    up = fitting([value for each in points for value in extent(each.throughput)], BOTTOM, TOP)
    names = {place: report.targets[place].name for place in curves}
    marks, end = key(names, BOTTOM + 62)
    lines = wrap(_legend(report, load), LEGEND)
    body = [
        svg.text(MARGIN, 26, svg.shortened(title, WIDTH - 2 * MARGIN), kind="name"),
        svg.text(MARGIN, 50, f"all together, tok/s{_log(up)}", kind="soft small"),
        svg.text(
            RIGHT, BOTTOM + 36, f"each user, tok/s{_log(across)}", kind="soft small", anchor="end"
        ),
        *_grid(across, up),
        *(_line(place, line, across, up, names[place]) for place, line in curves.items()),
        *marks,
        *(
            svg.text(MARGIN, end + 18 + LINE * row, words, kind="soft small")
            for row, words in enumerate(lines)
        ),
    ]
    return Chart(
        name="load" if number == 1 else f"load-{number}",
        title=title,
        description=" ".join(_told(names[place], line) for place, line in curves.items()),
        height=end + 16 + LINE * len(lines),
        body="".join(body),
    )


def _log(scale: Scale) -> str:
    return ", logarithmic" if scale.log else ""


def _legend(report: Report, load: LoadReport) -> str:
    level = "users at once" if load.arrivals is None else "requests per second"
    told = f"Numbers: {level}. Up and to the right is better. Bars: 95 % intervals."
    if load.slo is not None:
        told += " Larger markers: levels that meet the SLO."
    left = len(report.targets) - MOST_TARGETS
    return told + (f" {counted(left, 'further target')} not drawn." if left > 0 else "")


def _grid(across: Scale, up: Scale) -> Iterator[str]:
    for tick in up.ticks:
        y = up.at(tick)
        yield svg.line(LEFT, y, RIGHT, y, "rule")
        yield svg.text(LEFT - 8, y + 4, f"{tick:,.10g}", kind="soft small", anchor="end")
    for tick in across.ticks:
        x, side = across.at(tick), "end" if tick == across.ticks[-1] else "middle"
        yield svg.line(x, TOP, x, BOTTOM, "rule")
        yield svg.text(x, BOTTOM + 18, f"{tick:,.10g}", kind="soft small", anchor=side)


def _line(place: int, line: Sequence[Point], across: Scale, up: Scale, name: str) -> str:
    places = [(across.at(each.user.value or 0), up.at(each.throughput.value or 0)) for each in line]
    parts = [svg.polyline(places, "path")]
    numbered: tuple[float, float] | None = None
    for (x, y), each in zip(places, line, strict=True):
        parts += _bars(each, x, y, across, up)
        parts.append(svg.mark(place, x, y, 6.5 if each.level.met else 4.0))
        if numbered is None or abs(numbered[0] - x) + abs(numbered[1] - y) > FAR:
            numbered = (x, y)
            number = f"{each.level.level:g}"
            parts.append(svg.text(x + 8, y - 7, number, kind="soft small"))
    return svg.group(place, "".join(parts), name)


def _bars(point: Point, x: float, y: float, across: Scale, up: Scale) -> Iterator[str]:
    if point.user.ci95 is not None:
        low, high = across.at(point.user.ci95.low), across.at(point.user.ci95.high)
        yield svg.line(low, y, high, y, "bar")
    if point.throughput.ci95 is not None:
        low, high = up.at(point.throughput.ci95.low), up.at(point.throughput.ci95.high)
        yield svg.line(x, low, x, high, "bar")


def _told(name: str, line: Sequence[Point]) -> str:
    def shown(metric: Metric) -> str:
        return quantity(metric.value, metric.unit)

    levels = (
        f"{each.level.words} {shown(each.throughput)} together, {shown(each.user)} each"
        for each in line
    )
    return f"{name}: {'; '.join(levels)}."
