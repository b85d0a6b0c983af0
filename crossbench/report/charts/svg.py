"""SVG by hand: escaped text, one decimal, and nothing that changes from run to run."""

from __future__ import annotations

from html import escape

from msgspec import Struct

from crossbench.report.charts.palette import STYLE, colour, marker
from crossbench.report.words import plain

WIDTH = 640
"""Units of every chart; letters of 12 to 15 units stay legible when it is shown 600 pixels wide."""
LETTER = 7.0
"""About how wide a letter is, in units."""


class Chart(Struct, frozen=True, kw_only=True):
    """A drawing with what a reader who cannot see it should know."""

    name: str
    """Of its file, without the ending."""
    title: str
    description: str
    height: float
    body: str
    """SVG elements."""


def standalone(chart: Chart) -> str:
    """The chart as a file of its own, which follows the reader's light or dark."""
    return f"{_opening(chart, f'<style>{STYLE}</style>')}{chart.body}</svg>\n"


def inline(chart: Chart) -> str:
    """The chart inside a page that has `STYLE` already."""
    return f"{_opening(chart)}{chart.body}</svg>"


def _opening(chart: Chart, style: str = "") -> str:
    name = escape(plain(chart.name))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} '
        f'{number(chart.height)}" role="img" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-text">'
        f'<title id="{name}-title">{escape(plain(chart.title))}</title>'
        f'<desc id="{name}-text">{escape(plain(chart.description))}</desc>{style}'
        f'<rect class="paper" width="{WIDTH}" height="{number(chart.height)}"/>'
    )


def key(place: int) -> str:
    """The marker of a target by itself, to stand before its name."""
    return (
        f'<svg class="chart key" viewBox="0 0 12 12" aria-hidden="true">'
        f'<g class="{colour(place)}">{mark(place, 6, 6)}</g></svg>'
    )


def number(value: float) -> str:
    """A coordinate to a tenth of a unit."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, *, kind: str = "", anchor: str = "start") -> str:
    """Words at a baseline; `anchor` is start, middle or end."""
    css = f' class="{kind}"' if kind else ""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{number(x)}" y="{number(y)}"{css}{at}>{escape(plain(words))}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line {ends} class="{kind}"/>'


def rectangle(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled one."""
    sides = f'width="{number(width)}" height="{number(height)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {sides} class="{kind}"/>'


def polyline(points: list[tuple[float, float]], kind: str) -> str:
    """Straight lines from point to point."""
    told = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polyline points="{told}" class="{kind}"/>'


def group(place: int, inside: str, told: str = "") -> str:
    """What belongs to the target at this place of the report; `told` is shown on hovering."""
    title = f"<title>{escape(plain(told))}</title>" if told else ""
    return f'<g class="{colour(place)}" data-target="{place}">{title}{inside}</g>'


def mark(place: int, x: float, y: float, radius: float = 4.5) -> str:
    """The marker of the target at this place, around a point."""
    shape = marker(place)
    if shape in ("circle", "ring"):
        kind = "mark" if shape == "circle" else "hollow"
        at = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
        return f'<circle {at} class="{kind}"/>'
    if shape in ("square", "frame"):
        side = 1.8 * radius
        kind = "mark" if shape == "square" else "hollow"
        return rectangle(x - side / 2, y - side / 2, side, side, kind)
    corners = " ".join(
        f"{number(x + dx * radius)},{number(y + dy * radius)}" for dx, dy in _SHAPES[shape]
    )
    return f'<polygon points="{corners}" class="mark"/>'


_ARM = 0.35
_SHAPES = {
    "triangle": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
    "wedge": ((0, 1.2), (1.1, -0.9), (-1.1, -0.9)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "cross": (
        *((-_ARM, -1.2), (_ARM, -1.2), (_ARM, -_ARM), (1.2, -_ARM)),
        *((1.2, _ARM), (_ARM, _ARM), (_ARM, 1.2), (-_ARM, 1.2)),
        *((-_ARM, _ARM), (-1.2, _ARM), (-1.2, -_ARM), (-_ARM, -_ARM)),
    ),
}


def shortened(words: str, width: float) -> str:
    """As many of the letters as fit into so many units."""
    most = max(1, int(width / LETTER))
    shown = plain(words)
    return shown if len(shown) <= most else shown[: most - 1] + "\u2026"
