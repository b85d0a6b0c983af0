"""How often a reader waits how long: the distribution of the time between chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from crossbench.analysis.latency import Latency
from crossbench.report.charts import svg
from crossbench.report.charts.key import key
from crossbench.report.charts.rows import LEGEND, LINE, MARGIN
from crossbench.report.charts.scale import Scale, fitting
from crossbench.report.charts.svg import WIDTH, Chart
from crossbench.report.model import Report
from crossbench.report.words import quantity, scaled

LEFT, RIGHT, TOP, BOTTOM = 64.0, WIDTH - 24.0, 70.0, 290.0
SHOWN = (0.1, 0.5, 0.9, 0.99, 0.999)
MOST_CHARTS = 2
TOLD = (
    "Each line: the time that this share of all gaps does not exceed, over all launches; to the "
    "right the rarest. A line ends where fewer gaps were measured than its percentile needs."
)


def latency(report: Report) -> list[Chart]:
    """One chart for each of the first scenarios whose gaps are known."""
    places = {target.name: place for place, target in enumerate(report.targets)}
    scenarios = dict.fromkeys(each.scenario for each in report.latencies)
    found: list[Chart] = []
    for scenario in scenarios:
        curves = {
            places[each.target]: each
            for each in report.latencies
            if each.scenario == scenario and each.target in places and _drawable(each)
        }
        if curves:
            name = f"latency-{len(found) + 1}" if found else "latency"
            found.append(_chart(name, scenario, curves))
    return found[:MOST_CHARTS]


def _drawable(each: Latency) -> bool:
    return len(each.seconds) > 1 and min(each.seconds) > 0


def _chart(name: str, scenario: str, curves: Mapping[int, Latency]) -> Chart:
    title = f"Time between chunks, {scenario}"
    times = [value for each in curves.values() for value in each.seconds]
    factor, unit = scaled(min(times), "s")
    up = fitting([value * factor for value in times], BOTTOM, TOP)
    rarest = max(each.fractions[-1] for each in curves.values())
    names = {place: each.target for place, each in curves.items()}
    marks, end = key(names, BOTTOM + 62)
    lines = wrap(TOLD, LEGEND)
    body = [
        svg.text(MARGIN, 26, svg.shortened(title, WIDTH - 2 * MARGIN), kind="name"),
        svg.text(MARGIN, 50, unit + (", logarithmic" if up.log else ""), kind="soft small"),
        svg.text(RIGHT, BOTTOM + 34, "share of gaps", kind="soft small", anchor="end"),
        *_grid(up, rarest),
        *(_line(place, each, factor, up, rarest) for place, each in curves.items()),
        *marks,
        *(
            svg.text(MARGIN, end + 18 + LINE * row, words, kind="soft small")
            for row, words in enumerate(lines)
        ),
    ]
    return Chart(
        name=name,
        title=title,
        description=" ".join(map(_told, curves.values())),
        height=end + 16 + LINE * len(lines),
        body="".join(body),
    )


def _across(fraction: float, rarest: float) -> float:
    """Every nine as wide as the one before."""
    whole = math.log(1 - rarest) - math.log(1 - SHOWN[0])
    part = (math.log(1 - fraction) - math.log(1 - SHOWN[0])) / whole
    return LEFT + 8 + part * (RIGHT - LEFT - 32)


def _grid(up: Scale, rarest: float) -> Iterator[str]:
    for tick in up.ticks:
        y = up.at(tick)
        yield svg.line(LEFT, y, RIGHT, y, "rule")
        yield svg.text(LEFT - 8, y + 4, f"{tick:,.10g}", kind="soft small", anchor="end")
    for fraction in SHOWN:
        if fraction <= rarest:
            x = _across(fraction, rarest)
            yield svg.line(x, TOP, x, BOTTOM, "rule")
            text = f"{100 * fraction:.10g} %"
            yield svg.text(x, BOTTOM + 18, text, kind="soft small", anchor="middle")


def _line(place: int, each: Latency, factor: float, up: Scale, rarest: float) -> str:
    points = [
        (_across(fraction, rarest), up.at(value * factor))
        for fraction, value in zip(each.fractions, each.seconds, strict=True)
    ]
    marks = [svg.mark(place, *point, 3.0) for point in _marked(each, points)]
    return svg.group(place, svg.polyline(points, "path") + "".join(marks), each.target)


def _marked(each: Latency, points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The points above the numbers of the axis, and the end."""
    for fraction, point in zip(each.fractions, points, strict=True):
        if fraction in SHOWN or point == points[-1]:
            yield point


def _told(each: Latency) -> str:
    values = (
        f"{quantity(value, 's')} at {100 * fraction:.10g} %"
        for fraction, value in zip(each.fractions, each.seconds, strict=True)
        if fraction in SHOWN
    )
    return f"{each.target}: {', '.join(values)}."
