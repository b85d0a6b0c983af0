"""The index as markdown."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from crossbench.publish.entries import FILES, Entry, by_suite
from crossbench.report.words import code, counted, escaped

MARK = "<!-- What follows is made by `crossbench publish`; words above this line stay. -->"
MOST_TARGETS = 8


def render(entries: tuple[Entry, ...], own: str = "") -> str:
    """The whole file, below the words that its owner wrote."""
    parts = [own or "# Reports", MARK, *_parts(entries)]
    return "\n\n".join(parts) + "\n"


def _parts(entries: tuple[Entry, ...]) -> Iterator[str]:
    if not entries:
        yield "No report yet."
        return
    yield f"{counted(len(entries), 'report')}, newest first, by suite and machine."
    for of_suite in by_suite(entries):
        yield f"## {escaped(of_suite.title)}"
        yield f"Suite {code(of_suite.suite)}."
        for of_machine in of_suite.machines:
            yield f"### {escaped(of_machine.machine)}"
            yield "\n".join(map(_entry, of_machine.entries))


def _entry(entry: Entry) -> str:
    lines = [
        f"- **{escaped(entry.started)}** {_links(entry)}: {escaped(entry.model)}, "
        f"{counted(len(entry.targets), 'target')} ({_targets(entry)}){_state(entry)}.",
        *(f"  - {escaped(line)}" for line in entry.answer),
    ]
    return "\n".join(lines)


def _links(entry: Entry) -> str:
    return ", ".join(f"[{FILES[name]}]({address(entry, name)})" for name in entry.files)


def address(entry: Entry, name: str) -> str:
    """The way to a file of a report, as a link."""
    return quote(f"{entry.folder}/{name}")


def _targets(entry: Entry) -> str:
    left = len(entry.targets) - MOST_TARGETS
    more = f" and {counted(left, 'other')}" if left > 0 else ""
    return escaped(", ".join(entry.targets[:MOST_TARGETS])) + more


def _state(entry: Entry) -> str:
    told = [] if entry.outcome == "complete" else [f"**{escaped(entry.outcome)}**"]
    told += [f"{counted(entry.not_measured, 'cell')} not measured"] if entry.not_measured else []
    return "".join(f"; {each}" for each in told)
