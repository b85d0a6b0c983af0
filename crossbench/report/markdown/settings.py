"""The settings of all targets side by side: what differs in the open, the rest folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.report.model import Report
from crossbench.report.settings import Setting
from crossbench.report.settings import settings as found
from crossbench.report.words import counted, escaped, table

MOST_COLUMNS = 8
"""A wider table is read by nobody: targets take turns in several."""
NONE = "\u2013"


def settings(report: Report) -> Iterator[str]:
    """The section, where there are two targets to hold side by side."""
    if len(report.targets) < 2:
        return
    told = found(report)
    differing = [each for each in told if each.differs]
    alike = [each for each in told if not each.differs]
    yield "## Settings side by side"
    yield "What differs:" if differing else "No setting differs."
    yield from _tables(report, differing)
    if alike:
        summary = f"{counted(len(alike), 'setting')} alike, or of one engine only"
        yield f"<details><summary>{summary}</summary>"
        yield from _tables(report, alike)
        yield "</details>"


def _tables(report: Report, rows: Sequence[Setting]) -> Iterator[str]:
    names = [target.name for target in report.targets]
    for start in range(0, len(names) if rows else 0, MOST_COLUMNS):
        part = slice(start, start + MOST_COLUMNS)
        yield table(
            ["setting", *map(escaped, names[part])],
            [
                [escaped(row.name), *(escaped(value) or NONE for value in row.values[part])]
                for row in rows
            ],
        )
