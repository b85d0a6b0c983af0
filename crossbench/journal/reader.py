"""A run folder read back, which survives a torn last line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from crossbench.errors import InputError
from crossbench.journal.events import Event
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.manifest import SCHEMA, Manifest
from crossbench.worker.protocol import UNDECODABLE

T = TypeVar("T")

_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run. Raises InputError."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} is not a run folder: {MANIFEST} cannot be read ({error.strerror})"
        ) from error
    _refuse_newer(path, data)
    return _decoded(path, data, Manifest)


def _refuse_newer(path: Path, data: bytes) -> None:
    class Version(Struct):
        schema: int

    found = _decoded(path, data, Version).schema
    if found > SCHEMA:
        raise InputError(
            f"{path}: schema {found} is newer than this crossbench, which reads up to {SCHEMA}; "
            "upgrade crossbench"
        )


def _decoded(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except UNDECODABLE as error:
        raise InputError(f"{path} is damaged: {error}") from error


def read_events(folder: Path) -> Iterator[Event]:
    """The events of a run in order. A torn last line is left out; any other raises InputError."""
    path = folder / JOURNAL
    try:
        size = os.stat(path).st_size  # noqa: PTH116 - one call, no path object per line
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield _events.decode(line)
                except UNDECODABLE as error:
                    if stream.tell() == size and not line.endswith(b"\n"):
                        return
                    raise InputError(f"{path}:{number} is damaged: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
