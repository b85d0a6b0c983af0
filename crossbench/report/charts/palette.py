"""One colour and one marker per target, the same in every chart, light and dark.

Colours differ in lightness as well as hue, so that they stay apart under the usual forms of colour
blindness; the marker tells targets apart where colours come round again.
"""

from __future__ import annotations

LIGHT = (
    "#1441c6",
    "#e77100",
    "#079fb8",
    "#5a1353",
    "#a62d09",
    "#4d6b00",
    "#7d7d7d",
    "#c0308f",
)
DARK = (
    "#2d7ed9",
    "#e89631",
    "#4dffbe",
    "#bbb0ff",
    "#c24b35",
    "#c3d94e",
    "#c0c0c0",
    "#ff8ad0",
)
MARKERS = ("circle", "square", "triangle", "diamond", "ring", "wedge", "cross", "frame")


def colour(place: int) -> str:
    """The class that colours the target at this place of the report."""
    return f"k{place % len(LIGHT)}"


def marker(place: int) -> str:
    """Its marker; another one each time the colours come round."""
    return MARKERS[(place + place // len(LIGHT)) % len(MARKERS)]


def _variables(colours: tuple[str, ...]) -> str:
    return "".join(f".chart .k{place}{{--k:{each}}}" for place, each in enumerate(colours))


_LIGHT = f".chart{{--paper:#ffffff;--ink:#1d2228;--soft:#59636e;--rule:#d5dae0}}{_variables(LIGHT)}"
_DARK = f".chart{{--paper:#14181d;--ink:#e8ebee;--soft:#a3adb8;--rule:#3a434d}}{_variables(DARK)}"

STYLE = (
    f"{_LIGHT}@media (prefers-color-scheme:dark){{{_DARK}}}@media print{{{_LIGHT}}}"
    ".chart text{fill:var(--ink);font:13px system-ui,-apple-system,'Segoe UI',sans-serif}"
    ".chart .soft{fill:var(--soft)}.chart .small{font-size:12px}"
    ".chart .head{font-weight:600}.chart .name{font-size:15px;font-weight:600}"
    ".chart .paper{fill:var(--paper)}.chart .rule{stroke:var(--rule);fill:none}"
    ".chart .bar{stroke:var(--k);stroke-width:2;fill:none}.chart .range{stroke-dasharray:2 3}"
    ".chart .launch{stroke:var(--k);opacity:.55}"
    ".chart .mark{fill:var(--k);stroke:var(--k)}"
    ".chart .hollow{fill:var(--paper);stroke:var(--k);stroke-width:2}"
    ".chart .path{stroke:var(--k);stroke-width:2;fill:none}"
    ".chart .block{fill:var(--k)}.chart .kv{opacity:.6}.chart .compute{opacity:.3}"
    ".chart .before{fill:var(--soft);opacity:.35}.chart .peak{stroke:var(--ink);stroke-width:2}"
    ".chart .room{fill:none;stroke:var(--soft)}"
    ".chart .trace{stroke:var(--soft);stroke-width:1.5;fill:none}"
    ".chart .trace.b{stroke-dasharray:6 3}.chart .trace.c{stroke-dasharray:2 2}"
    ".chart .trace.d{stroke-dasharray:8 3 2 3}"
)
"""What colours a chart, alone or inside a page."""
