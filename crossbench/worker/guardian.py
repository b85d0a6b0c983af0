"""The guardian: a tiny process that ends the worker's whole group once its host is gone.

A thread would not do: an engine may hold the interpreter's lock for ever. The guardian is forked
before any engine code runs and watches the read end of the host's pipe, which reports a hang-up
when the last writer, the host, has died. It reads nothing, so it disturbs no message.
"""

from __future__ import annotations

import os
import select
import signal

GRACE_S = 5.0
"""What an orphaned worker is given to close its engine before its group is killed."""
POLL_MS = 1000


def post(pipe: int) -> None:
    """Fork a guardian over this process's group. `pipe` is the read end of the host's pipe."""
    worker = os.getpid()
    if os.fork() == 0:
        try:
            _watch(pipe, worker)
        finally:
            os._exit(0)


def _watch(pipe: int, worker: int) -> None:
    """Wait for the worker's end (then leave) or the host's (then end the group)."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    poll = select.poll()
    poll.register(pipe, 0)
    while os.getppid() == worker:
        if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(POLL_MS)):
            select.select([], [], [], GRACE_S)
            os.killpg(os.getpgrp(), signal.SIGKILL)
