"""What each worker served, in order: which requests ran alone, and which make a row of their own.

Energy is taken between two times, whoever made use of it then. So all that a worker served is
looked at, of every cell and whether it counts or not: a request that failed had its share of the
joules, and gave no tokens to divide them by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from crossbench.analysis.cell import Cell
from crossbench.analysis.sample import NS, Sample

PAUSE_S = 1.0
"""Requests that follow each other sooner are of one row."""

Place: TypeAlias = tuple[str, str]
"""Target and scenario."""


class Course(Struct, frozen=True, kw_only=True):
    """What was served of one cell."""

    alone: frozenset[int] = frozenset()
    """Lines of the journal of its requests during which no other of their worker ran."""
    rows: tuple[tuple[Sample, ...], ...] = ()
    """Valid timed requests of one worker that follow each other without a pause, or run side by
    side, and nothing else among them."""
    spoilt: int = 0
    """Passes of which no row is made, as some of their requests do not count."""


class _One(Struct, frozen=True, gc=False):
    """A request, and what it belongs to."""

    sample: Sample
    place: Place
    timed: bool
    number: int
    """Of its pass, where others of it ran beside it; else its own."""
    until_ns: int
    """When it had ended at the latest."""


class _Part(Struct, frozen=True):
    """Requests of one worker that ran side by side, or are of one pass."""

    each: Sequence[_One]
    until_ns: int

    @property
    def place(self) -> Place:
        """The cell, of one that is whole."""
        return self.each[0].place

    @property
    def whole(self) -> bool:
        """Whether all of it is of one cell, timed and valid."""
        return all(
            one.timed and one.place == self.place and one.sample.fault is None for one in self.each
        )

    @property
    def spoilt(self) -> bool:
        """Whether requests that count ran beside others that do not."""
        counts = any(one.timed and one.sample.fault is None for one in self.each)
        return counts and not self.whole


def courses(cells: Mapping[Place, Cell]) -> Mapping[Place, Course]:
    """Of every cell of a run."""
    alone: dict[Place, set[int]] = defaultdict(set)
    rows: dict[Place, list[tuple[Sample, ...]]] = defaultdict(list)
    spoilt: dict[Place, int] = defaultdict(int)
    for order in _by_worker(cells):
        for one in _apart(order):
            alone[one.place].add(one.sample.line)
        parts = [*_parts(order)]
        for part in parts:
            spoilt[part.place] += part.spoilt
        for row in _rows(parts):
            rows[row[0].place].append(tuple(one.sample for part in row for one in part.each))
    return {
        place: Course(alone=frozenset(alone[place]), rows=tuple(rows[place]), spoilt=spoilt[place])
        for place in cells
    }


def _by_worker(cells: Mapping[Place, Cell]) -> Iterator[Sequence[_One]]:
    """All requests of each worker, in the order in which they began."""
    found: dict[str, list[_One]] = defaultdict(list)
    for place, cell in cells.items():
        for one in _timed(place, cell):
            found[one.sample.worker].append(one)
        for samples in (cell.sentinels, *cell.alone.values()):
            for each in samples:
                one = _One(each, place, timed=False, number=each.line, until_ns=each.end_ns)
                found[each.worker].append(one)
    for every in found.values():
        yield sorted(every, key=lambda one: one.sample.t0_ns)


def _timed(place: Place, cell: Cell) -> Iterator[_One]:
    """When one that failed ended nobody knows: where others ran beside it, by the end of its
    pass."""
    if cell.load is None or cell.load.concurrency == 1:
        for each in cell.samples:
            yield _One(each, place, timed=True, number=each.line, until_ns=each.end_ns)
        return
    ends: dict[tuple[str, int], int] = {}
    for each in cell.samples:
        key = each.worker, each.repeat
        ends[key] = max(ends.get(key, 0), each.end_ns)
    for each in cell.samples:
        until_ns = each.end_ns if each.fault is None else ends[each.worker, each.repeat]
        yield _One(each, place, timed=True, number=each.repeat, until_ns=until_ns)


def _apart(order: Sequence[_One]) -> Iterator[_One]:
    """Those during which no other ran."""
    ended = 0
    for one, after in zip(order, [*order[1:], None], strict=True):
        begun = one.sample.t0_ns
        if ended <= begun and (after is None or one.until_ns <= after.sample.t0_ns):
            yield one
        ended = max(ended, one.until_ns)


def _parts(order: Iterable[_One]) -> Iterator[_Part]:
    each: list[_One] = []
    until_ns = 0
    for one in order:
        if each and one.sample.t0_ns >= until_ns and not _same(each[-1], one):
            yield _Part(each, until_ns)
            each, until_ns = [], 0
        each.append(one)
        until_ns = max(until_ns, one.until_ns)
    if each:
        yield _Part(each, until_ns)


def _same(one: _One, other: _One) -> bool:
    """Whether both are of one pass."""
    return (one.place, one.timed, one.number) == (other.place, other.timed, other.number)


def _rows(parts: Iterable[_Part]) -> Iterator[Sequence[_Part]]:
    """Whole parts of one cell that follow each other without a pause, and without any between."""
    row: list[_Part] = []
    for part in parts:
        if row and not (part.whole and _follows(row[-1], part)):
            yield row
            row = []
        if part.whole:
            row.append(part)
    if row:
        yield row


def _follows(before: _Part, part: _Part) -> bool:
    pause_s = (part.each[0].sample.t0_ns - before.until_ns) / NS
    return before.place == part.place and pause_s <= PAUSE_S
