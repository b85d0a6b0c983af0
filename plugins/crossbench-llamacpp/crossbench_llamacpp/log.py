"""llama.cpp's own log: the only place where it tells what it resolved, and why it failed.

Every line above debug level goes on to standard error at once, and into the log that listens.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import llama_cpp

DEBUG, INFO, WARN, ERROR, CONTINUED = 1, 2, 3, 4, 5
CAPACITY = 4000
CAUSE_LINES = 4
STDERR = 2
# Layers are assigned at debug level, among hundreds of lines about tensors and graphs.
TELLING = b"assigned to device"


class EngineLog:
    """The last lines of llama.cpp's log, each with its level."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, str]] = deque(maxlen=CAPACITY)
        self._partial = ""
        self._level = INFO

    def listen(self) -> None:
        """Receive all that llama.cpp logs from now on, in place of whichever log did before."""
        global _listener, _callback  # noqa: PLW0603 - C holds one callback per process, for good
        _listener = self
        if _callback is None:
            _callback = llama_cpp.llama_log_callback(_receive)
        llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))

    def add(self, level: int, text: str) -> None:
        """Take a piece of log; a piece without a line end is continued by the next."""
        if level != CONTINUED:
            self._flush()
            self._level = level
        *whole, self._partial = (self._partial + text).split("\n")
        self._entries.extend((self._level, line) for line in whole if line.strip())

    def _flush(self) -> None:
        if self._partial.strip():
            self._entries.append((self._level, self._partial))
        self._partial = ""

    def __iter__(self) -> Iterator[str]:
        return (line for _, line in self._entries)

    def clear(self) -> None:
        """Forget what was logged, so that the next cause is that of the next failure."""
        self._entries.clear()

    def cause(self) -> str:
        """The first error lines in one, or an empty string: later ones only repeat the failure."""
        self._flush()
        errors = [line.strip() for level, line in self._entries if level >= ERROR]
        return "; ".join(list(dict.fromkeys(errors))[:CAUSE_LINES])


_listener: EngineLog | None = None
_callback: object = None


def _receive(level: int, text: bytes | None, _: object) -> None:
    """Called by llama.cpp, on any of its threads; a debug line must cost next to nothing."""
    if not text or (level == DEBUG and TELLING not in text):
        return
    if level != DEBUG:
        with suppress(OSError):
            os.write(STDERR, text)
    if _listener is not None:
        _listener.add(level, text.decode("utf-8", "replace"))
