"""Speed over the time of a run, above the temperature and power of its devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap

from msgspec import Struct

from crossbench.analysis.telemetry import Pace, Telemetry, Trace
from crossbench.report.charts import svg
from crossbench.report.charts.key import key
from crossbench.report.charts.rows import LEGEND, LINE, MARGIN
from crossbench.report.charts.scale import Scale, fitting
from crossbench.report.charts.svg import WIDTH, Chart
from crossbench.report.model import Report
from crossbench.report.words import counted, number

LEFT = 64.0
RIGHT = WIDTH - 24.0
TOP = 64.0
HEIGHT = 110.0
SPACE = 44.0
SHOWN = {
    "temperature": "temperature",
    "power": "power",
    "cores": "processor cores at work",
}
"""Quantity -> what stands above its panel."""
MOST_TRACES = 4
DASHES = ("", " b", " c", " d")
AXIS = "seconds since the first launch"
MOST_POINTS = 400
MOST_TARGETS = 16


class _Lane(Struct, frozen=True, kw_only=True):
    """One quantity of all its devices, from top to bottom."""

    title: str
    traces: tuple[Trace, ...]


def over_time(report: Report, names: Sequence[str]) -> list[Chart]:
    """One chart of one run, where speeds of more than one time are known.

    `names` are the targets of the whole page, whose places give each its colour.
    """
    told = report.telemetry
    scenario = _scenario(told.paces)
    paces = [pace for pace in told.paces if pace.scenario == scenario and pace.decode_tps > 0]
    if len({pace.at_s for pace in paces}) < 2:
        return []
    return [_chart(report, names, scenario, paces, list(_lanes(told)))]


def _scenario(paces: Sequence[Pace]) -> str:
    """The one that was measured most often, of several the first."""
    counts = Counter(pace.scenario for pace in paces)
    return max(counts, key=lambda name: counts[name], default="")


def _lanes(told: Telemetry) -> Iterator[_Lane]:
    for quantity, title in SHOWN.items():
        traces = [
            trace
            for trace in told.traces
            if trace.quantity == quantity and any((value or 0) > 0 for value in trace.mean)
        ]
        if traces:
            shown = tuple(traces[:MOST_TRACES])
            yield _Lane(title=f"{title}, {shown[0].unit}", traces=shown)


def _chart(
    report: Report,
    names: Sequence[str],
    scenario: str,
    paces: Sequence[Pace],
    lanes: Sequence[_Lane],
) -> Chart:
    ends = [pace.at_s for pace in paces] + [watch.end_s for watch in report.telemetry.watches]
    across = fitting([max(*ends, 1.0)], LEFT, RIGHT, log=False)
    bottom = TOP + HEIGHT + len(lanes) * (HEIGHT + SPACE)
    own = {target.name for target in report.targets}
    shown = {place: name for place, name in enumerate(names) if name in own}
    shown = dict(list(shown.items())[:MOST_TARGETS])
    run = next((f", {target.run}" for target in report.targets if target.run), "")
    title = f"Decode over the run, {scenario}{run}"
    marks, end = key(shown, bottom + 58)
    left = counted(len(paces) - MOST_POINTS, "further marker") if len(paces) > MOST_POINTS else ""
    lines = wrap(_legend(lanes) + (f" {left} not drawn." if left else ""), LEGEND)
    body = [
        svg.text(MARGIN, 26, svg.shortened(title, WIDTH - 2 * MARGIN), kind="name"),
        *_speeds(names, paces[:MOST_POINTS], across),
        *(
            part
            for place, lane in enumerate(lanes, 1)
            for part in _lane(lane, across, report.telemetry.at_s, TOP + place * (HEIGHT + SPACE))
        ),
        *(
            svg.text(across.at(tick), bottom + 18, f"{tick:,.10g}", kind="soft small", anchor=side)
            for tick, side in _sides(across)
        ),
        svg.text(RIGHT, bottom + 34, AXIS, kind="soft small", anchor="end"),
        *marks,
        *(
            svg.text(MARGIN, end + 18 + LINE * place, words, kind="soft small")
            for place, words in enumerate(lines)
        ),
    ]
    return Chart(
        name="over-time",
        title=title,
        description=_told(paces, lanes),
        height=end + 14 + LINE * len(lines),
        body="".join(body),
    )


def _sides(across: Scale) -> Iterator[tuple[float, str]]:
    """The last number ends where the chart does."""
    for tick in across.ticks:
        yield tick, "end" if tick == across.ticks[-1] else "middle"


def _legend(lanes: Sequence[_Lane]) -> str:
    told = "Markers: a launch's speed at that time of the run."
    if lanes:
        return f"{told} Lines: means of what probes read."
    return f"{told} No temperature and no power was read."


def _speeds(names: Sequence[str], paces: Sequence[Pace], across: Scale) -> Iterator[str]:
    up = fitting([pace.decode_tps for pace in paces], TOP + HEIGHT, TOP)
    head = "decode, tok/s" + (", logarithmic" if up.log else "")
    yield svg.text(MARGIN, TOP - 12, head, kind="soft small")
    yield from _grid(up)
    for pace in paces:
        place = names.index(pace.target)
        inside = svg.mark(place, across.at(pace.at_s), up.at(pace.decode_tps), 4.0)
        yield svg.group(place, inside, f"{pace.launch}: {number(pace.decode_tps)} tok/s")


def _grid(up: Scale) -> Iterator[str]:
    step = 2 if len(up.ticks) > 5 else 1
    for tick in up.ticks[::step]:
        y = up.at(tick)
        yield svg.line(LEFT, y, RIGHT, y, "rule")
        yield svg.text(LEFT - 8, y + 4, f"{tick:,.10g}", kind="soft small", anchor="end")


def _lane(lane: _Lane, across: Scale, at_s: Sequence[float], top: float) -> Iterator[str]:
    values = [value for trace in lane.traces for value in trace.mean if value and value > 0]
    up = fitting(values, top + HEIGHT, top, log=False)
    named = ", ".join(trace.device for trace in lane.traces)
    head = f"{lane.title}: {named}"
    yield svg.text(MARGIN, top - 12, svg.shortened(head, WIDTH - 2 * MARGIN), kind="soft small")
    yield from _grid(up)
    for trace, dash in zip(lane.traces, DASHES, strict=False):
        points = [
            (across.at(at), up.at(value))
            for at, value in zip(at_s, trace.mean, strict=False)
            if value is not None
        ]
        if len(points) > 1:
            yield svg.polyline(points, f"trace{dash}")


def _told(paces: Sequence[Pace], lanes: Sequence[_Lane]) -> str:
    slowest = min(paces, key=lambda pace: pace.decode_tps)
    fastest = max(paces, key=lambda pace: pace.decode_tps)
    told = (
        f"{len(paces)} values, from {number(slowest.decode_tps)} tok/s ({slowest.target}) to "
        f"{number(fastest.decode_tps)} tok/s ({fastest.target})."
    )
    for lane in lanes:
        values = [value for trace in lane.traces for value in trace.mean if value is not None]
        told += f" {lane.title}: {number(min(values))} to {number(max(values))}."
    return told
