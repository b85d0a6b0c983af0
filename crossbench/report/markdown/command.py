"""The command that makes a run again, as a stranger can use it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from shlex import quote

from crossbench.report.words import code, plain

PLACES = frozenset({"--python", "--out", "-o"})
"""Options that name places of one machine: elsewhere crossbench builds and chooses its own."""
_COMMIT = re.compile(r"(?P<release>[^+]+)\+g(?P<commit>[0-9a-f]+)(?P<dirty>\.dirty)?")


def command_line(command: Sequence[str]) -> str:
    """On one line, without where things lie on the machine that ran it."""
    return plain(" ".join(map(quote, _anywhere(command))))


def _anywhere(command: Sequence[str]) -> Iterator[str]:
    words = iter(command)
    for word in words:
        name, given, _ = word.partition("=")
        if name not in PLACES:
            yield word
        elif not given:
            next(words, None)


def checkout(version: str) -> str | None:
    """How to get the crossbench that measured; None where its version says all."""
    found = _COMMIT.fullmatch(version)
    if found is None:
        return None
    changed = ", in which files had been changed" if found["dirty"] else ""
    return (
        f"With crossbench {found['release']} of commit {code(found['commit'])}{changed}: "
        f"{code('git checkout ' + found['commit'])} in its repository, then {code('make setup')}."
    )
