"""Where llama.cpp gives up by ending its process: while loading, that becomes an error.

ggml calls a function of ours just before `abort()`. During a load it halts the thread that gave up,
whichever that is, for good, and the load fails; the process is then fit for nothing but to say so
and to end. At any other time it logs ggml's words, and the process ends.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Event, Thread
from typing import Any, TypeVar

from crossbench_llamacpp import library

T = TypeVar("T")
STDERR = 2
FOLDER = re.compile(r"^\S*/(?=[^/\s]+:\d+: )")
"""Of the source file in ggml's words, on the machine that compiled it."""


class GaveUp(Exception):
    """llama.cpp would have ended the process; in its own words."""


def guarded(work: Callable[[], T]) -> T:
    """The result of `work`, done by another thread, or its exception. Raises GaveUp."""
    global _pending  # noqa: PLW0603 - ggml calls one function per process
    future: Future[T] = Future()
    _pending = future
    _set_callback(_callback)
    Thread(target=_do, args=(work, future), daemon=True).start()
    try:
        return future.result()
    finally:
        _pending = None


def _do(work: Callable[[], T], future: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - the one who waits raises it
        future.set_exception(error)
    else:
        future.set_result(result)


def _gave_up(message: bytes) -> None:
    """Called by ggml on the thread that gives up; the process ends when this returns."""
    words = FOLDER.sub("", message.decode("utf-8", "replace"))
    os.write(STDERR, f"\nllama.cpp gave up: {words}\n".encode())
    if (future := _pending) is not None:
        with suppress(InvalidStateError):  # another thread gave up before
            future.set_exception(GaveUp(words))
        Event().wait()


_pending: Future[Any] | None = None
_callback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_gave_up)
_set_callback = library.function("ggml_set_abort_callback", ctypes.c_void_p, type(_callback))
