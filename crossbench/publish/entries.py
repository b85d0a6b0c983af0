"""The reports in a folder, as an index lists them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec
from msgspec import Struct

from crossbench.errors import InputError
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.manifest import Published
from crossbench.publish.copy import PART
from crossbench.report.answer import answer
from crossbench.report.labels import machine_label
from crossbench.report.model import Report
from crossbench.report.saved import read
from crossbench.report.views import views
from crossbench.worker.protocol import UNDECODABLE

FILES = {
    "report.md": "Markdown",
    "report.html": "HTML",
    "report.csv": "CSV",
    "report.json": "JSON",
    MANIFEST: "run",
    JOURNAL: "samples",
}
"""File of a report -> what it is called in an index."""


class Entry(Struct, frozen=True, kw_only=True):
    """One report."""

    folder: str
    """The way to it from the index, with slashes."""
    title: str
    suite: str
    model: str
    machine: str
    """Those of several runs together."""
    started: str
    """UTC; of several runs the last."""
    outcome: str
    targets: tuple[str, ...]
    not_measured: int
    answer: tuple[str, ...]
    files: tuple[str, ...]


class Listed(Struct, frozen=True, kw_only=True):
    """Everything in a folder."""

    entries: tuple[Entry, ...]
    """Newest first."""
    left_out: tuple[str, ...]
    """What lies there and is not to be shown, and why."""


class OfMachine(Struct, frozen=True, kw_only=True):
    """The reports of one machine."""

    machine: str
    entries: tuple[Entry, ...]


class OfSuite(Struct, frozen=True, kw_only=True):
    """The reports of one suite."""

    suite: str
    title: str
    machines: tuple[OfMachine, ...]


def listed(base: Path) -> Listed:
    """Every report below `base` that is redacted."""
    entries: list[Entry] = []
    left_out: list[str] = []
    for path in sorted(base.rglob("report.json")):
        folder = path.parent
        if any(part.endswith(PART) for part in folder.relative_to(base).parts):
            continue
        found = _looked_at(folder)
        if isinstance(found, str):
            left_out.append(f"{folder}: {found}")
        else:
            entries.append(_entry(folder.relative_to(base).as_posix(), found, folder))
    entries.sort(key=lambda each: each.folder)
    entries.sort(key=lambda each: each.started, reverse=True)
    return Listed(entries=tuple(entries), left_out=tuple(left_out))


def by_suite(entries: tuple[Entry, ...]) -> Iterator[OfSuite]:
    """Suites and within them machines, in the order of their newest reports."""
    for suite, of_suite in _grouped(entries, [each.suite for each in entries]):
        machines = _grouped(of_suite, [each.machine for each in of_suite])
        yield OfSuite(
            suite=suite,
            title=of_suite[0].title,
            machines=tuple(OfMachine(machine=name, entries=found) for name, found in machines),
        )


def _grouped(
    entries: tuple[Entry, ...], keys: list[str]
) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    """Those of one key together, in the order in which the keys first come."""
    order = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    paired = sorted(zip(keys, entries, strict=True), key=lambda pair: order[pair[0]])
    for key, group in groupby(paired, key=lambda pair: pair[0]):
        yield key, tuple(entry for _, entry in group)


class _Mark(Struct):
    published: Published | None = None


def _looked_at(folder: Path) -> Report | str:
    """The report, or why it is not shown."""
    manifest = folder / MANIFEST
    if manifest.exists():
        try:
            mark = msgspec.json.decode(manifest.read_bytes(), type=_Mark)
        except (OSError, *UNDECODABLE):
            return f"its {MANIFEST} cannot be read"
        if mark.published is None:
            return "a run as it was measured, with what is private of it; publish it by its name"
    try:
        report = read(folder / "report.json")
    except InputError as error:
        return str(error)
    if not report.redacted:
        return "made with --no-redact; make it anew without"
    return report


def _entry(place: str, report: Report, folder: Path) -> Entry:
    runs = [view.report for view in views(report)]
    return Entry(
        folder=place,
        title=report.title,
        suite=report.suite,
        model=report.model,
        machine=" and ".join(dict.fromkeys(machine_label(run.machine) for run in runs)),
        started=max(run.started for run in runs),
        outcome=report.outcome,
        targets=tuple(target.name for target in report.targets),
        not_measured=len(report.non_results),
        answer=answer(report),
        files=tuple(name for name in FILES if (folder / name).exists()),
    )
