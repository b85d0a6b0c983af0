"""A Python interpreter, asked what it is: the host's own, one that the user names, a built one."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.specifiers import SpecifierSet

from crossbench.envs import process
from crossbench.errors import InputError

ANSWER_S = 20.0
MARK = "crossbench-interpreter:"
MOST_LINES = 10_000

# Runs on any Python down to 2.7, so that an old one is told from a program that is not Python.
QUESTION = f"""
import sys
sys.path[:] = [part for part in sys.path if part]
import json, platform
try:
    from importlib.metadata import distributions
    versions = dict((d.metadata["Name"], d.version) for d in distributions() if d.metadata["Name"])
except ImportError:
    versions = dict()
print("{MARK}" + json.dumps(dict(
    version=platform.python_version(),
    tag=str(getattr(sys.implementation, "cache_tag", "")) + getattr(sys, "abiflags", "")
        if hasattr(sys, "implementation") else "",
    versions=versions,
)))
"""


class Interpreter(Struct, frozen=True, kw_only=True):
    """What an interpreter says of itself."""

    path: Path = Path()
    version: str
    """Such as "3.11.7"."""
    tag: str
    """Implementation, minor version and ABI flags, such as "cpython-311"."""
    versions: Mapping[str, str]
    """Normalised distribution name -> version, of all that it can import."""


def host() -> Interpreter:
    """The interpreter that runs this code, without its distributions; starts nothing."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    tag = f"{sys.implementation.cache_tag}{sys.abiflags}"
    return Interpreter(path=Path(sys.executable), version=version, tag=tag, versions={})


def installed() -> dict[str, str]:
    """Normalised distribution name -> version, of what this process can import."""
    heads = map(_head, metadata.distributions())
    return {normal(head["Name"]): head["Version"] for head in heads if head["Name"]}


def _head(found: metadata.Distribution) -> Message:
    """Its metadata without the README behind them, which takes ten times as long to read."""
    told = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    return HeaderParser().parsestr(told.partition("\n\n")[0])


def normal(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fits(version: str, bounds: str) -> bool:
    """Whether a Python version lies within a specifier such as ">=3.11,<3.14"."""
    return SpecifierSet(bounds).contains(version, prereleases=True)


def ask(path: Path) -> Interpreter:
    """What the interpreter at `path` says of itself, within 20 s.

    Its environment has no PYTHONPATH, as the worker's has none but crossbench's. Raises
    InputError when the program is not a Python interpreter.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _CONFUSING}
    lines: list[str] = []

    def keep(line: str) -> None:
        if len(lines) >= MOST_LINES:
            raise _TooMuch
        lines.append(line[:1_000_000])

    try:
        status = process.run(
            [str(path), "-c", QUESTION], environ, keep, time.monotonic() + ANSWER_S
        )
    except TimeoutError:
        raise _not_python(path, f"it did not answer within {ANSWER_S:.0f} s") from None
    except _TooMuch:
        raise _not_python(path, "it prints without end") from None
    except OSError as error:
        raise _not_python(path, f"it cannot be started: {error.strerror}") from None
    return _parse(path, status, lines)


def named(given: Path) -> Path:
    """The file a user means by an interpreter: a path, or a program on the PATH.

    Links are kept, because a virtual environment's interpreter is one. Raises InputError.
    """
    path = given.expanduser()
    if path.name == str(given) and not path.exists() and (found := shutil.which(str(given))):
        path = Path(found)
    path = path.absolute()
    if path.is_dir():
        inside = path / "bin/python"
        hint = f": name {inside}" if inside.exists() else "; name the interpreter's file"
        raise InputError(f"{given} is a directory, not a Python interpreter{hint}")
    if not path.exists():
        broken = " (a link to nowhere)" if path.is_symlink() else ""
        raise InputError(f"the interpreter {given} does not exist{broken}; give its path")
    if not os.access(path, os.X_OK):
        raise InputError(
            f"{given} is not executable; name a Python interpreter, such as venv/bin/python"
        )
    return path


def check(interpreter: Interpreter, bounds: Sequence[str], distributions: Sequence[str]) -> None:
    """Raise InputError unless the version fits one of the bounds and an engine is there.

    `distributions` are the engine's of `BackendSpec`: builds of one engine bear different names,
    so one of them is enough.
    """
    if not any(fits(interpreter.version, bound) for bound in bounds):
        allowed = " or ".join(dict.fromkeys(bounds))
        raise InputError(
            f"{interpreter.path} is Python {interpreter.version}; this backend needs {allowed}"
        )
    if distributions and not any(normal(name) in interpreter.versions for name in distributions):
        raise InputError(
            f"{interpreter.path} has none of {', '.join(distributions)}; install "
            f"{distributions[0]} there, or name no interpreter, and an environment is built"
        )


class _TooMuch(Exception):
    """The program printed more than an interpreter would."""


_CONFUSING = ("PYTHONPATH", "PYTHONHOME", "PYTHONINSPECT", "PYTHONVERBOSE", "PYTHONSTARTUP")


def _not_python(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is not a working Python interpreter: {reason}")


def _parse(path: Path, status: int, lines: list[str]) -> Interpreter:
    answers = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    if not answers:
        told = f", and printed {lines[-1].strip()[:120]!r}" if lines else ""
        raise _not_python(path, f"it ended with status {status} without an answer{told}")
    try:
        said = msgspec.json.decode(answers[-1], type=Interpreter)
    except msgspec.DecodeError:
        raise _not_python(path, f"it answered {answers[-1][:120]!r}") from None
    versions = {normal(name): version for name, version in said.versions.items()}
    return msgspec.structs.replace(said, path=path, versions=versions)
