"""Bytes of a model file by range, be it here or on a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from crossbench.errors import HeaderError


class Ranges(Protocol):
    """Something that gives bytes of one file."""

    name: str
    """As messages call it."""

    def read(self, start: int, length: int) -> bytes:
        """At most `length` bytes from `start` on, fewer only at the end.

        Raises HeaderError where a file cannot be read, ArtifactFailure where a hub's cannot.
        """
        ...

    def size(self) -> int:
        """Bytes of the whole file. Raises HeaderError."""
        ...


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file. Raises HeaderError where it cannot be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise HeaderError(f"{self.name}: {error.strerror}") from error

    def size(self) -> int:
        """Its size now. Raises HeaderError."""
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise HeaderError(f"{self.name}: {error.strerror}") from error
