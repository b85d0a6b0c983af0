"""A few shared integers that tell the host what the worker is doing, without a message.

The worker writes them beside each stamp (about 0.1 us); the host reads them to draw live tokens per
second and to see which phase has outlived its deadline. Nothing measured depends on them.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from enum import IntEnum

from msgspec import Struct

_PHASE, _SINCE, _TOKENS = range(3)
_BYTES = 3 * 8


class Phase(IntEnum):
    """What the worker is doing."""

    STARTING = 0
    LOADING = 1
    IDLE = 2
    FIRST_TOKEN = 3
    STREAMING = 4
    CLOSING = 5
    SCORING = 6
    WAITING = 7
    """For a request to be due, with none in flight."""


class Beat(Struct, frozen=True):
    """One reading of the pulse."""

    phase: Phase
    since_ns: int
    """When the phase began or last made progress, by `perf_counter_ns`."""
    tokens: int
    """Tokens streamed since the worker began."""


class Pulse:
    """The shared integers, mapped into this process."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, _BYTES)
        self.cells = memoryview(self._map).cast("q")

    def enter(self, phase: Phase) -> None:
        """Begin a phase now."""
        self.cells[_SINCE] = time.perf_counter_ns()
        self.cells[_PHASE] = phase

    def tokens_came(self, now_ns: int, tokens: int) -> None:
        """A chunk arrived; called by the driver beside each stamp."""
        cells = self.cells
        cells[_TOKENS] += tokens
        cells[_SINCE] = now_ns
        cells[_PHASE] = 4  # Phase.STREAMING, without the enum's lookup

    def read(self) -> Beat:
        """What the worker is doing now."""
        phase, since, tokens = self.cells
        return Beat(Phase(phase), since, tokens)

    def close(self) -> None:
        """Unmap."""
        self.cells.release()
        self._map.close()


def shared() -> int:
    """A file descriptor for a new pulse, to be inherited by the worker; no file name remains."""
    fd, path = tempfile.mkstemp(prefix="crossbench-pulse-")
    os.unlink(path)  # noqa: PTH108 - mkstemp speaks in strings and descriptors
    os.ftruncate(fd, _BYTES)
    return fd
