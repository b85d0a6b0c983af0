"""Charts made of rows: panels of targets, a row for each, and one scale for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.report.charts import svg
from crossbench.report.charts.scale import Scale, fitting
from crossbench.report.charts.svg import WIDTH, Chart
from crossbench.report.words import scaled

ROW = 22.0
HEAD = 26.0
TOP = 44.0
LINE = 17.0
LEFT = 176.0
RIGHT = 100.0
MARGIN = 16.0
LEGEND = 96
"""Letters of a line of the legend."""
MOST_ROWS = 48
"""A longer chart becomes several."""
MOST_CHARTS = 4
"""Of one kind; what is left over stands in the tables only."""

MORE = "Further panels are not drawn: the tables have all."

At: TypeAlias = Callable[[float], float]
"""From a value to its place."""


class Row(Struct, frozen=True, kw_only=True):
    """One target in one panel."""

    place: int
    """The target's, in the report."""
    name: str
    draw: Callable[[At, float], str]
    """Its marks around a height."""
    values: tuple[float, ...]
    """All that must fit on the scale; empty where there is nothing to draw."""
    shown: str
    """Its value in words, or that there is none."""


class Panel(Struct, frozen=True, kw_only=True):
    """Rows under one head."""

    place: int | None = None
    """The scenario's, in the report; None where it is of none."""
    name: str
    rows: tuple[Row, ...]


def charts(
    name: str,
    title: str,
    panels: Iterable[Panel],
    unit: str,
    legend: str,
    *,
    zero: bool = False,
) -> list[Chart]:
    """One chart, or several where there are many rows; none without a value.

    `zero`: the scale starts there, however far apart values lie.
    """
    drawn = (panel for panel in panels if any(row.values for row in panel.rows))
    kept, more = _pages(drawn)
    return [
        _chart(
            name if number == 1 else f"{name}-{number}",
            title if len(kept) == 1 else f"{title} ({number} of {len(kept)})",
            page,
            unit=unit,
            legend=f"{legend} {MORE}" if more and number == len(kept) else legend,
            zero=zero,
        )
        for number, page in enumerate(kept, 1)
    ]


def _pages(panels: Iterable[Panel]) -> tuple[list[list[Panel]], bool]:
    """As many as are drawn, and whether there are more; of the rest nothing is made."""
    pages: list[list[Panel]] = []
    filled = MOST_ROWS
    for part in (part for panel in panels for part in _parts(panel)):
        if filled + len(part.rows) > MOST_ROWS:
            if len(pages) == MOST_CHARTS:
                return pages, True
            pages.append([])
            filled = 0
        pages[-1].append(part)
        filled += len(part.rows)
    return pages, False


def _parts(panel: Panel) -> Iterator[Panel]:
    """A panel of very many rows in several."""
    for start in range(0, len(panel.rows), MOST_ROWS):
        yield replace(panel, rows=panel.rows[start : start + MOST_ROWS])


def _chart(
    name: str, title: str, panels: Sequence[Panel], *, unit: str, legend: str, zero: bool
) -> Chart:
    values = [value for panel in panels for row in panel.rows for value in row.values]
    factor, shown = _bytes(max(values)) if unit == "B" else scaled(min(values), unit)
    log = False if zero else None
    scale = fitting([value * factor for value in values], LEFT, WIDTH - RIGHT, log=log)
    bottom = TOP + sum(HEAD + ROW * len(panel.rows) for panel in panels) + 4
    axis = f"in {shown}" + (", on a logarithmic scale" if scale.log else "")
    lines = wrap(f"{axis}. {legend}", LEGEND)
    body = [
        svg.text(MARGIN, 26, title, kind="name"),
        *_axis(scale, bottom),
        *_panels(panels, lambda value: scale.at(value * factor)),
        *(
            svg.text(MARGIN, bottom + 40 + LINE * place, words, kind="soft small")
            for place, words in enumerate(lines)
        ),
    ]
    return Chart(
        name=name,
        title=title,
        description=_told(panels),
        height=bottom + 34 + LINE * len(lines),
        body="".join(body),
    )


def _bytes(most: float) -> tuple[float, str]:
    unit, scale = ("GiB", 2**30) if most >= 2**30 else ("MiB", 2**20)
    return 1 / scale, unit


def _axis(scale: Scale, bottom: float) -> Iterator[str]:
    for tick in scale.ticks:
        x = scale.at(tick)
        yield svg.line(x, TOP, x, bottom, "rule")
        yield svg.text(x, bottom + 16, f"{tick:,.10g}", kind="soft small", anchor="middle")


def _panels(panels: Sequence[Panel], at: At) -> Iterator[str]:
    y = TOP
    for panel in panels:
        yield "<g>" if panel.place is None else f'<g data-panel="{panel.place}">'
        yield svg.text(MARGIN, y + 17, svg.shortened(panel.name, WIDTH - 2 * MARGIN), kind="head")
        y += HEAD
        for row in panel.rows:
            yield svg.group(row.place, _row(row, at, y + ROW / 2), f"{row.name}: {row.shown}")
            y += ROW
        yield "</g>"


def _row(row: Row, at: At, y: float) -> str:
    name = svg.text(MARGIN, y + 4.5, svg.shortened(row.name, LEFT - MARGIN - 8))
    kind = "" if row.values else "soft small"
    shown = svg.text(WIDTH - MARGIN, y + 4.5, row.shown, kind=kind, anchor="end")
    return name + (row.draw(at, y) if row.values else "") + shown


def _told(panels: Sequence[Panel]) -> str:
    """What is drawn, in words."""
    return " ".join(
        f"{panel.name}: {'; '.join(f'{row.name} {row.shown}' for row in panel.rows)}."
        for panel in panels
    )
