"""Errors that reach a user: one sentence each, with what was found and what to do, no traceback.

Tree::

    CrossbenchError
    ├── InputError        what the user gave is wrong (exit 2)
    │   ├── SuiteError    problems of one suite file, all at once
    │   └── HeaderError   a model file whose header cannot be read or does not hold together
    ├── ArtifactFailure   an artifact could not be had, verified or read
    │   └── Unreachable   the hub did not answer
    ├── EnvironmentFailure  an engine's environment could not be made or used
    ├── PluginFailure     a plugin broke at what was asked of it alone (exit 1)
    ├── InstrumentFailure  what the instrument itself adds could not be measured
    ├── JournalFailure    what was measured can no longer be written down (exit 1)
    └── NothingToRun      the input is right, but nothing of it can run here (exit 3)
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class CrossbenchError(Exception):
    """Base of everything crossbench tells a user on purpose."""


class InputError(CrossbenchError):
    """What the user gave is wrong: a path, an option, a name."""


class HeaderError(InputError):
    """A model file's header cannot be read, or does not hold together; says where and why."""


class ArtifactFailure(CrossbenchError):
    """An artifact could not be had, verified or read: what was found and what to do."""


class Unreachable(ArtifactFailure):
    """The hub did not answer, or something else did in its stead; what is here already may do."""


class NothingToRun(CrossbenchError):
    """The input is right, but no target of it can run on this machine."""


class InstrumentFailure(CrossbenchError):
    """What the instrument itself adds could not be measured: why."""


class JournalFailure(CrossbenchError):
    """What was measured can no longer be written down; what is written is kept."""


class EnvironmentFailure(CrossbenchError):
    """An engine's environment could not be built or is not usable; `log` holds the whole story."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class PluginFailure(CrossbenchError):
    """A plugin broke at what the user asked of it alone; names it and its distribution."""


class Problem(Struct, frozen=True, kw_only=True):
    """One thing wrong in a suite file."""

    file: str
    line: int | None
    key: str
    """Dotted path of the key, such as `targets.a.options`; empty for the file as a whole."""
    found: str
    allowed: str
    """What would be right, or what to do."""

    def __str__(self) -> str:
        """`file:line: key: found; allowed`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.found}; {self.allowed}"


class SuiteError(InputError):
    """All problems of one suite file that could be found at once."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
