"""A run folder being written, by one process at a time: each event is flushed as it happens."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from filelock import FileLock, Timeout

from crossbench.errors import InputError, JournalFailure
from crossbench.files import replace
from crossbench.journal.events import Event
from crossbench.journal.folder import JOURNAL, LOGS, MANIFEST, refuse_old
from crossbench.journal.manifest import Manifest

TAIL_BYTES = 1 << 16


class Journal:
    """A run folder being written."""

    def __init__(self, folder: Path, *, new: bool) -> None:
        """Take the folder for this process. Raises InputError when it cannot be had.

        A `new` run needs a folder without one.
        """
        try:
            (folder / LOGS).mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / ".lock")
            self._lock.acquire(timeout=0)
            if new:
                refuse_old(folder)
            self._stream = _appending(folder / JOURNAL)
        except Timeout:
            raise InputError(
                f"{folder} is being written by another run; choose another --out"
            ) from None
        except OSError as error:
            raise InputError(f"cannot write to {folder}: {error.strerror}") from error
        except InputError:
            self._lock.release()
            raise
        self.folder = folder
        self._encoder = msgspec.json.Encoder()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files and free the folder."""
        self._stream.close()
        self._lock.release()

    def write_manifest(self, manifest: Manifest) -> None:
        """Write `run.json` whole."""
        text = msgspec.json.format(self._encoder.encode(manifest), indent=1)
        replace(self.folder / MANIFEST, text + b"\n")

    def append(self, event: Event) -> None:
        """Write one line and hand it to the operating system. Raises JournalFailure."""
        line = memoryview(self._encoder.encode(event) + b"\n")
        try:
            while line:
                line = line[self._stream.write(line) :]
        except OSError as error:
            raise JournalFailure(
                f"cannot write to {self.folder / JOURNAL}: {error.strerror}; every sample before "
                f"this one is kept. When there is room: crossbench run --resume {self.folder}"
            ) from error


def _appending(path: Path) -> FileIO:
    """The journal open for appending, without the torn line that a crash may have left."""
    stream = FileIO(path, "ab+")
    end = stream.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - TAIL_BYTES)
        stream.seek(start)
        newline = stream.read(end - start).rfind(b"\n")
        if newline >= 0:
            start += newline + 1
            break
        end = start
    else:
        start = 0
    stream.truncate(start)
    return stream
