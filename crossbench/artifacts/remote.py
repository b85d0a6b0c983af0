"""The header of a model on the hub, read through ranges: a few MB of the file, and no more."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

import httpx2

from crossbench.artifacts import hub
from crossbench.artifacts.at_once import at_once
from crossbench.artifacts.choice import chosen
from crossbench.artifacts.listing import RemoteFile
from crossbench.artifacts.patience import Transient
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.remembered import Remembered
from crossbench.artifacts.settings import HubSettings
from crossbench.errors import ArtifactFailure, Unreachable
from crossbench.headers import files as model_files

LEAST_BYTES = 1 << 18
"""Of one request: most headers come with the first, a large vocabulary with a few larger ones."""


def read_header(wanted: Hub, settings: HubSettings, until: float) -> Remembered:
    """Ask what the repository holds, and read the header of the model that is wanted.

    `until` is a reading of `time.monotonic`. Raises ArtifactFailure, and HeaderError where the
    model's files are none.
    """
    try:
        listing = hub.listing(wanted, settings, _left(wanted, until))
        files = listing.of(chosen(wanted, [file.name for file in listing.files], "weights"))
        ranges = {
            file.name: HubFile(wanted, settings, listing.commit, file, until)
            for file in files
            if model_files.has_header(file.name)
        }
        _begin(ranges.values(), until)
        return Remembered(commit=listing.commit, files=files, header=model_files.read(dict(ranges)))
    except Transient as error:
        raise Unreachable(str(error)) from error


def _begin(files: Iterable[HubFile], until: float) -> None:
    """The first bytes of all files at once. Raises what reading them does."""
    at_once({file.name: partial(file.read, 0, 1) for file in files}, until)


class HubFile:
    """A file of the hub, of which bytes are read; what came last is kept for the next read."""

    def __init__(
        self, wanted: Hub, settings: HubSettings, commit: str, file: RemoteFile, until: float
    ) -> None:
        self.name = f"hf:{wanted.id}/{file.name}"
        self._wanted = wanted
        self._settings = settings
        self._commit = commit
        self._file = file
        self._until = until
        self._start = 0
        self._data = b""

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file. Raises ArtifactFailure, or Transient where the hub fell silent."""
        stop = min(start + length, self._file.bytes)
        if not (self._start <= start and stop <= self._start + len(self._data)):
            self._fetch(start, max(length, LEAST_BYTES))
        begin = start - self._start
        return self._data[begin : begin + length]

    def size(self) -> int:
        """As the hub lists it."""
        return self._file.bytes

    def _fetch(self, start: int, length: int) -> None:
        asked = range(start, min(start + length, self._file.bytes))
        data = bytearray()
        if asked:
            place = (self._wanted, self._settings, self._commit, self._file.name)
            with hub.content(*place, asked, _left(self._wanted, self._until)) as answer:
                if start and answer.status_code == httpx2.codes.OK:
                    raise ArtifactFailure(f"{self.name}: what answers knows no ranges")
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) >= len(asked):
                        break
                    _left(self._wanted, self._until)
            if len(data) < len(asked):
                raise Transient(f"{self.name}: the hub ended it early")
        self._start, self._data = start, bytes(data[: len(asked)])


def _left(wanted: Hub, until: float) -> float:
    """Seconds. Raises Unreachable where there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise Unreachable(f"{wanted}: its header did not come in time")
    return left
