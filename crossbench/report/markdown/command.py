"""The command that makes a run again, as a stranger can use it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from shlex import quote

from crossbench.report.model import TargetReport
from crossbench.report.words import code, escaped, plain

PLACES = frozenset({"--out", "-o"})
"""Options that name places of one machine: elsewhere crossbench chooses its own."""
NAMED = "--python"
"""Names the interpreter of a backend by its place."""
PYTHON = "PYTHON"
"""Stands for that place."""
_COMMIT = re.compile(r"(?P<release>[^+]+)\+g(?P<commit>[0-9a-f]+)(?P<dirty>\.dirty)?")


def command_line(command: Sequence[str]) -> str:
    """On one line, without where things lie on the machine that ran it."""
    return plain(" ".join(map(quote, _anywhere(command))))


def _anywhere(command: Sequence[str]) -> Iterator[str]:
    words, told = iter(command), set[str]()
    for word in words:
        name, given, value = word.partition("=")
        if name not in {*PLACES, NAMED}:
            yield word
            continue
        value = value if given else next(words, "")
        backend, separator, _ = value.partition("=")
        if name == NAMED and separator and backend not in told:
            told.add(backend)
            yield from (NAMED, f"{backend}={PYTHON}")


def interpreters(command: Sequence[str], targets: Iterable[TargetReport]) -> Iterator[str]:
    """What the placeholders of its interpreters stand for, where it has some."""
    words = list(_anywhere(command))
    named = {word.removesuffix(f"={PYTHON}") for each, word in pairwise(words) if each == NAMED}
    if not named:
        return
    yield f"{PYTHON} is an interpreter that has the backend; left out, crossbench builds one."
    starting = {each.backend for each in targets if _starts(each)}
    for backend in sorted(named & starting):
        yield (
            f"That of {escaped(backend)} is also the {code('{python}')} that starts the server, "
            "and has the server's packages too."
        )


def _starts(target: TargetReport) -> bool:
    """Whether crossbench starts a server for it with the interpreter of its backend."""
    command = target.options.get("command")
    return isinstance(command, list | tuple) and any("{python}" in f"{word}" for word in command)


def checkout(version: str) -> str:
    """How to get the crossbench that measured, as far as its version tells."""
    found = _COMMIT.fullmatch(version)
    if found is None:
        return (
            f"With crossbench {escaped(version)}; the commit it was measured by was not recorded."
        )
    changed = ", in which files had been changed" if found["dirty"] else ""
    return (
        f"With crossbench {found['release']} of commit {code(found['commit'])}{changed}: "
        f"{code('git checkout ' + found['commit'])} in its repository, then {code('make setup')}."
    )
