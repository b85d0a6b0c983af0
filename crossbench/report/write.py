"""Write the renderings of a run into its folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from crossbench.errors import InputError
from crossbench.files import replace
from crossbench.report import csv, llama_bench
from crossbench.report.build import build
from crossbench.report.charts.all import charts
from crossbench.report.charts.svg import Chart, standalone
from crossbench.report.html import page as html
from crossbench.report.markdown import page as markdown
from crossbench.report.model import Report
from crossbench.report.words import HIDDEN

CHARTS = "charts"
"""The folder of the charts that `report.md` shows."""
MOST_INDENTED = 1 << 24
"""Bytes of a `report.json` that people may still look into: a longer one is a single line."""
_HIDDEN = re.compile(f"[{HIDDEN}]")
"""What JSON would carry as it is."""


class Rendering(Struct, frozen=True):
    """The ending of its file, and how it is made."""

    ending: str
    made: Callable[[Report, Sequence[Chart]], bytes]

    def render(self, report: Report, drawn: Sequence[Chart] | None = None) -> bytes:
        """The report in this format; with its charts where they are drawn already."""
        return self.made(report, charts(report) if drawn is None else drawn)


def as_json(report: Report) -> bytes:
    """`report.json`, versioned by its `schema` key; direction marks in it as JSON's escapes."""
    written = msgspec.json.encode(report)
    if len(written) <= MOST_INDENTED:
        written = msgspec.json.format(written, indent=1)
    return _unhidden(written) + b"\n"


def _unhidden(written: bytes) -> bytes:
    if written.isascii() and b"\x7f" not in written:
        return written
    return _HIDDEN.sub(_escape, written.decode()).encode()


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


RENDERINGS: Mapping[str, Rendering] = {
    "md": Rendering("md", lambda report, drawn: markdown.render(report, drawn).encode()),
    "html": Rendering("html", lambda report, drawn: html.render(report, drawn).encode()),
    "json": Rendering("json", lambda report, _: as_json(report)),
    "csv": Rendering("csv", lambda report, _: csv.render(report).encode()),
    "llama-bench": Rendering(
        "llama-bench.jsonl", lambda report, _: _unhidden(llama_bench.render(report).encode())
    ),
}
USUAL = ("md", "html", "json", "csv")
"""What is written where nothing else is asked for."""
DRAWN = frozenset({"md", "html"})
"""What shows charts."""


def write(folder: Path, formats: tuple[str, ...] = USUAL, baseline: str | None = None) -> Report:
    """Rebuild the report of a run; the same run gives the same bytes. Raises InputError.

    `baseline` is the reader's choice of the target that the others are held against.
    """
    report = build(folder, baseline)
    put(report, folder, formats)
    return report


def put(report: Report, folder: Path, formats: Sequence[str] = USUAL) -> None:
    """Write these renderings of a report into a folder. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    drawn = charts(report) if DRAWN & set(formats) else ()
    if "md" in formats:
        _write_charts(folder / CHARTS, drawn)
    for name in formats:
        _put(place(folder, name), RENDERINGS[name].render(report, drawn))


def place(folder: Path, name: str) -> Path:
    """Where the rendering of that format lies."""
    return folder / f"report.{RENDERINGS[name].ending}"


def _write_charts(folder: Path, shown: Sequence[Chart]) -> None:
    """Those of this report, and none that an earlier one left."""
    drawn = {f"{chart.name}.svg": standalone(chart) for chart in shown}
    if not drawn and not folder.exists():
        return
    try:
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.svg"):
            if old.name not in drawn:
                old.unlink()
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    for name, svg in drawn.items():
        _put(folder / name, svg.encode())


def _put(path: Path, data: bytes) -> None:
    try:
        replace(path, data)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
