"""What the tables of the sections in words lack for a page: rows to be filtered and sorted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from markdown_it.token import Token
from msgspec import Struct

from crossbench.report.model import Report
from crossbench.report.words import plain

TARGETS = ("target", "of")
SCENARIOS = "scenario"
LEVELS = ("load", "level")
"""Heads of the columns that name what a row is about."""
_AMOUNT = re.compile(r"(-?[\d,]+(?:\.\d+)?)(?: ?(µs|ms|s|B|KiB|MiB|GiB|%|\u00d7))?(?![\w.])")
SCALES = {"µs": 1e-6, "ms": 1e-3, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}


class Rows(Struct, frozen=True, kw_only=True):
    """The places that the page's filters know targets and scenarios by."""

    targets: Mapping[str, int]
    scenarios: Mapping[str, int]
    levels: Mapping[tuple[str, str], int]
    """Load and level in words -> place of the scenario it is."""

    def mark(self, heading: str, header: Sequence[str], row: Sequence[str]) -> Mapping[str, str]:
        """The attributes of a row: which target and scenario it is about, where it says so."""
        told = dict(zip(header, row, strict=False))
        target = next(
            (self.targets[told[name]] for name in TARGETS if told.get(name) in self.targets), None
        )
        scenario = self.scenarios.get(told.get(SCENARIOS, ""))
        for name in LEVELS:
            scenario = self.levels.get((heading, told.get(name, "")), scenario)
        marks = {"data-target": target, "data-scenario": scenario}
        return {name: str(place) for name, place in marks.items() if place is not None}


NO_ROWS = Rows(targets={}, scenarios={}, levels={})


def rows_of(report: Report) -> Rows:
    """Of this report."""
    scenarios = {plain(each.name): place for place, each in enumerate(report.scenarios)}
    return Rows(
        targets={plain(each.name): place for place, each in enumerate(report.targets)},
        scenarios=scenarios,
        levels={
            (plain(load.name), plain(level.words)): scenarios[plain(level.scenario)]
            for load in report.loads
            for curve in load.curves
            for level in curve.levels
            if plain(level.scenario) in scenarios
        },
    )


def prepare(tokens: Sequence[Token], rows: Rows) -> None:
    """Mark the rows of all tables, what cells are sorted by, and the cell that names a row."""
    heading = ""
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _text(tokens[place + 1])
        if token.type == "table_open":
            _table(heading, list(_rows(tokens, place)), rows)


def _table(heading: str, table: Sequence[Sequence[Token]], rows: Rows) -> None:
    """Each row is its own token, then an opening token and the content of each of its cells."""
    header, *body = table
    names = [_text(content) for content in header[2::2]]
    for line in body:
        for name, value in rows.mark(
            heading, names, [_text(content) for content in line[2::2]]
        ).items():
            line[0].attrSet(name, value)
        line[1].meta["names"] = True
    for column, name in enumerate(names):
        if name in (*TARGETS, SCENARIOS):
            continue
        cells = [(line[1 + 2 * column], amount(_text(line[2 + 2 * column]))) for line in body]
        if any(found is not None for _, found in cells):
            for cell, found in cells:
                cell.attrSet("data-sort", "" if found is None else f"{found:.9g}")


def _rows(tokens: Sequence[Token], start: int) -> Iterator[list[Token]]:
    for token in tokens[start:]:
        if token.type == "table_close":
            return
        if token.type == "tr_open":
            row = [token]
        elif token.type in ("th_open", "td_open", "inline"):
            row.append(token)
        elif token.type == "tr_close":
            yield row


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.content).strip()


def amount(text: str) -> float | None:
    """What a cell that begins with a number is sorted by: in seconds, bytes, or as it stands."""
    found = _AMOUNT.match(text)
    if found is None or not found[1].strip(",-"):
        return None
    return float(found[1].replace(",", "")) * SCALES.get(found[2] or "", 1.0)
