"""Prefill and decode against the length of the prompt: one line for each target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TypeAlias

from msgspec import Struct

from crossbench.analysis.metric import Metric
from crossbench.report.charts import svg
from crossbench.report.charts.key import key
from crossbench.report.charts.rows import LEGEND, LINE, MARGIN
from crossbench.report.charts.scale import Scale, fitting
from crossbench.report.charts.speeds import extent
from crossbench.report.charts.svg import LETTER, WIDTH, Chart
from crossbench.report.headline import found_of
from crossbench.report.model import Report, ScenarioReport
from crossbench.report.words import counted, quantity

METRICS = {"prefill_tps": ("Prefill", "prefill"), "decode_tps": ("Decode", "decode")}
LEFT = 64.0
RIGHT = WIDTH - 24.0
TOP = 70.0
BOTTOM = 290.0
MOST_TARGETS = 16
"""More lines than these cannot be told apart."""

Line: TypeAlias = Sequence[tuple[int, Metric]]
"""Prompt tokens and what was measured at that length, by length."""


class Curves(Struct, frozen=True, kw_only=True):
    """What is drawn of one metric."""

    metric: str
    lines: Mapping[int, Line]
    """Place of the target -> its line."""
    scenarios: tuple[str, ...]


def lengths(report: Report) -> list[Chart]:
    """A chart for each of the two that was measured at two lengths or more."""
    scenarios = _family(report.scenarios)
    found = [_curves(report, scenarios, metric) for metric in METRICS]
    return [_chart(report, curves) for curves in found if curves.lines]


def _family(scenarios: Sequence[ScenarioReport]) -> Sequence[ScenarioReport]:
    """Scenarios that differ in the length of their prompt alone, one for each length: of several
    such families the one with the most lengths."""
    families: dict[tuple[int, bool, bool], dict[int, ScenarioReport]] = defaultdict(dict)
    for scenario in scenarios:
        if len(set(scenario.prompt_tokens)) == 1:
            kind = (scenario.output_tokens, scenario.natural, scenario.forced)
            families[kind].setdefault(scenario.prompt_tokens[0], scenario)
    largest = max(families.values(), key=len, default={})
    return [largest[tokens] for tokens in sorted(largest)] if len(largest) > 1 else []


def _curves(report: Report, scenarios: Sequence[ScenarioReport], metric: str) -> Curves:
    lines: dict[int, list[tuple[int, Metric]]] = {}
    for place, target in enumerate(report.targets[:MOST_TARGETS]):
        line = [
            (scenario.prompt_tokens[0], found)
            for scenario in scenarios
            for cell in scenario.cells
            if cell.target == target.name
            and (found := found_of(cell, metric)) is not None
            and found.value is not None
        ]
        if len(line) > 1:
            lines[place] = line
    names = tuple(scenario.name for scenario in scenarios)
    return Curves(metric=metric, lines=lines, scenarios=names)


def _chart(report: Report, curves: Curves) -> Chart:
    word, name = METRICS[curves.metric]
    title = f"{word} speed by prompt length"
    tokens = sorted({tokens for line in curves.lines.values() for tokens, _ in line})
    values = [value for line in curves.lines.values() for _, each in line for value in extent(each)]
    across = fitting([float(each) for each in tokens], LEFT + 12, RIGHT - 12, log=True)
    up = fitting(values, BOTTOM, TOP)
    names = {place: report.targets[place].name for place in curves.lines}
    marks, end = key(names, BOTTOM + 62)
    lines = wrap(_legend(report, curves, up), LEGEND)
    body = [
        svg.text(MARGIN, 26, title, kind="name"),
        svg.text(MARGIN, 50, "tok/s" + (", logarithmic" if up.log else ""), kind="soft small"),
        svg.text(RIGHT, BOTTOM + 34, "tokens of prompt", kind="soft small", anchor="end"),
        *_grid(across, up, tokens),
        *(_line(place, line, across, up, names) for place, line in curves.lines.items()),
        *marks,
        *(
            svg.text(MARGIN, end + 18 + LINE * place, words, kind="soft small")
            for place, words in enumerate(lines)
        ),
    ]
    return Chart(
        name=f"{name}-by-length",
        title=title,
        description=_told(curves, names),
        height=end + 12 + LINE * len(lines) + 4,
        body="".join(body),
    )


def _legend(report: Report, curves: Curves, up: Scale) -> str:
    told = f"Bars: 95 % intervals. Scenarios: {', '.join(curves.scenarios)}."
    if not up.log:
        told += " From zero."
    left = len(report.targets) - MOST_TARGETS
    return told + (f" {counted(left, 'further target')} not drawn." if left > 0 else "")


def _grid(across: Scale, up: Scale, tokens: Sequence[int]) -> Iterator[str]:
    for tick in up.ticks:
        y = up.at(tick)
        yield svg.line(LEFT, y, RIGHT, y, "rule")
        yield svg.text(LEFT - 8, y + 4, f"{tick:,.10g}", kind="soft small", anchor="end")
    last = -100.0
    for each in tokens:
        x = across.at(each)
        if x - last > 6 * LETTER:
            last = x
            yield svg.text(x, BOTTOM + 18, f"{each:,}", kind="soft small", anchor="middle")


def _line(place: int, line: Line, across: Scale, up: Scale, names: Mapping[int, str]) -> str:
    points = [(across.at(tokens), up.at(metric.value or up.low)) for tokens, metric in line]
    parts = [svg.polyline(points, "path")]
    for (x, y), (_, metric) in zip(points, line, strict=True):
        if metric.ci95 is not None:
            parts.append(svg.line(x, up.at(metric.ci95.low), x, up.at(metric.ci95.high), "bar"))
        parts.append(svg.mark(place, x, y))
    return svg.group(place, "".join(parts), names[place])


def _told(curves: Curves, names: Mapping[int, str]) -> str:
    return " ".join(
        f"{names[place]}: "
        + ", ".join(
            f"{quantity(metric.value, metric.unit)} at {counted(tokens, 'token')}"
            for tokens, metric in line
        )
        + "."
        for place, line in curves.lines.items()
    )
