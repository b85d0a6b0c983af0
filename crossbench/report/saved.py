"""A report that was kept: `report.json` of a run, or the file that a baseline was saved to."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from crossbench.errors import InputError
from crossbench.report.build import build
from crossbench.report.model import SCHEMA, Report
from crossbench.worker.protocol import UNDECODABLE

T = TypeVar("T")


class Named(Struct, frozen=True, kw_only=True):
    """A report as a user names it on the command line."""

    written: str
    report: Report
    target: str | None
    """After the `#`; None for all of its targets."""

    @property
    def label(self) -> str:
        """The folder or file, without the way to it."""
        path = Path(self.written if self.target is None else self.written.rpartition("#")[0])
        return path.name or str(path)


class _Version(Struct):
    schema: int
    definitions: int


def named(written: str) -> Named:
    """`RUN`, `RUN#target`, or a file in the place of RUN. Raises InputError."""
    path, target = Path(written), None
    if not path.exists() and "#" in written:
        before, _, target = written.rpartition("#")
        path = Path(before)
    if not path.exists():
        raise InputError(
            f"{written}: found neither a run's folder nor a saved report; expected RUN, RUN#TARGET "
            "or FILE"
        )
    report = build(path) if path.is_dir() else read(path)
    if report.runs:
        raise InputError(f"{written} holds several runs; name one of them")
    if target is not None and target not in [each.name for each in report.targets]:
        known = ", ".join(each.name for each in report.targets) or "none"
        raise InputError(f"{written}: the run has no target {target!r}; it has {known}")
    return Named(written=written, report=report, target=target)


def read(path: Path) -> Report:
    """A report from its JSON. Raises InputError where it is of another schema, or none at all."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    version = _decoded(path, data, _Version).schema
    if version > SCHEMA:
        raise InputError(
            f"{path}: schema {version} is newer than this crossbench, which reads up to {SCHEMA}; "
            "upgrade crossbench"
        )
    if version < SCHEMA:
        raise InputError(
            f"{path}: schema {version} says nothing of what makes cells comparable; make it anew "
            f"from its run: crossbench report RUN"
        )
    return _decoded(path, data, Report)


def _decoded(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except UNDECODABLE as error:
        raise InputError(f"{path} is no report of crossbench: {error}") from error
