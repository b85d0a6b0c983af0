"""A bound on what a stranger's code may take while the host waits for it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_S = 0.5
"""After this it is raised once more: code that catches everything may have caught it."""


class TooSlow(BaseException):
    """The time is over; no Exception, because a plugin may swallow those."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TooSlow inside once the time is over.

    It rests on SIGALRM, so only the main thread is bounded, and code that holds the interpreter's
    lock in C for ever is not. A timer that was set before runs on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, _over)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            remaining = max(1e-3, left - (time.monotonic() - began))
            signal.setitimer(signal.ITIMER_REAL, remaining, interval)


def _over(*_: object) -> None:
    raise TooSlow
