"""Write every rendering of a run into its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from crossbench.errors import InputError
from crossbench.journal import replace
from crossbench.report.build import build
from crossbench.report.markdown import page
from crossbench.report.model import Report


def as_json(report: Report) -> str:
    """`report.json`, versioned by its `schema` key."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


RENDERINGS: Mapping[str, Callable[[Report], str]] = {"md": page.render, "json": as_json}


def write(folder: Path, formats: tuple[str, ...] = tuple(RENDERINGS)) -> Report:
    """Rebuild the report of a run; the same run gives the same bytes. Raises InputError."""
    report = build(folder)
    for name in formats:
        path = place(folder, name)
        try:
            replace(path, RENDERINGS[name](report).encode())
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
    return report


def place(folder: Path, name: str) -> Path:
    """Where the rendering of that format lies."""
    return folder / f"report.{name}"
