"""A TOML file as read: its tables, its hash, and where each key stands."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn

import tomli
from msgspec import Struct

from crossbench.errors import Problem, SuiteError
from crossbench.suite.positions import KeyPath, Positions, scan
from crossbench.suite.words import escaped, quoted

LIMIT_BYTES = 4 * 1024 * 1024

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Unreadable(Exception):
    """A file or path that cannot be used, in the two halves of a `Problem`."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"{found}; {allowed}")
        self.found = found
        self.allowed = allowed


class Document(Struct, frozen=True, kw_only=True):
    """One TOML file."""

    path: Path
    """As the user wrote it, for messages."""
    sha256: str
    """Of the file's bytes."""
    tables: dict[str, Any]
    positions: Positions

    def problem(self, at: KeyPath, found: str, allowed: str) -> Problem:
        """Say what is wrong with the key at `at`, with its file and line."""
        return Problem(
            file=str(self.path),
            line=self.positions.line(at),
            key=dotted(at),
            found=found,
            allowed=allowed,
        )


def read(path: Path) -> Document:
    """Read a TOML file. Raises SuiteError."""
    try:
        text = read_text(path)
    except Unreadable as error:
        _refuse(path, None, error.found, error.allowed)
    return parse(path, text)


def parse(path: Path, text: str) -> Document:
    """Parse the text of `path`. Raises SuiteError, with the line where the syntax is at fault."""
    try:
        tables = tomli.loads(text)
        positions = scan(text)
    except tomli.TOMLDecodeError as error:
        found = f"found invalid TOML at column {error.colno}: {error.msg}"
        _refuse(path, error.lineno, found, "expected valid TOML")
    except RecursionError:
        _refuse(path, None, "found tables nested too deeply", "expected a few levels at most")
    except ValueError:
        # Python's own limit of digits, which tomli passes through without a position.
        _refuse(path, None, "found a number too long to read", "expected at most 64 bits")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Document(path=path, sha256=sha256, tables=tables, positions=positions)


def read_text(path: Path) -> str:
    """Text of a UTF-8 file without byte order mark, line ends as they are. Raises Unreadable."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "something that is not a regular file"
            raise Unreadable(f"found {kind}", "expected a file")
        with path.open("rb") as file:
            data = file.read(LIMIT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise Unreadable("found no such file", "expected an existing file") from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}", "expected a readable file") from None
    except ValueError:
        raise Unreadable("found a path that no file can have", "expected a file") from None
    return _decoded(data)


def absolute(written: str, directory: Path) -> Path:
    """A path as written in a file of `directory`, `~` expanded. Raises Unreadable."""
    try:
        path = Path(written).expanduser()
    except RuntimeError:
        found = f"found no home directory for {quoted(written)}"
        raise Unreadable(found, "expected the full path") from None
    if "\0" in written:
        raise Unreadable("found a path that no file can have", "expected one without NUL")
    return Path(os.path.normpath(directory.resolve() / path))


def dotted(at: KeyPath) -> str:
    """A key path as TOML writes it, with list entries as `[0]`: `targets."a.b".matrix.x[0]`."""
    key = ""
    for part in at:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            quoted = part if _BARE_KEY.fullmatch(part) else escaped(part)
            key += f".{quoted}" if key else quoted
    return key


def _decoded(data: bytes) -> str:
    if len(data) > LIMIT_BYTES:
        raise Unreadable("found more than 4 MiB", "expected a file of at most 4 MiB")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"found a byte that is not UTF-8 in line {line}"
        raise Unreadable(found, "expected a file saved as UTF-8") from None
    if text.startswith("\ufeff"):
        raise Unreadable("found a byte order mark", "expected UTF-8 saved without one")
    return text


def _refuse(path: Path, line: int | None, found: str, allowed: str) -> NoReturn:
    problem = Problem(file=str(path), line=line, key="", found=found, allowed=allowed)
    raise SuiteError([problem]) from None
