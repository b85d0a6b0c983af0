"""Keeps a server for as long as a worker lives: `python keeper.py COMMAND ...`.

A server must outlive no worker, even one that is killed, so it is not the worker that starts it but
this process, which is in no group of the worker's. Its standard input is a pipe that only the
worker holds open: the pipe's end is the worker's end, or its wish. The server runs in a group of
its own, and the whole group is ended. Needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

GRACE_S = 10.0
"""What a server is given to end by itself, before its group is killed."""
GONE_S = 5.0
"""What the killed are given to be gone."""
STEP_S = 0.02
PR_SET_CHILD_SUBREAPER = 36
NOT_STARTED = 127


def keep(command: Sequence[str]) -> int:
    """Run it until it ends or nobody wants it any more; its exit status, as a shell gives it."""
    died, dies = os.pipe()
    os.set_blocking(dies, False)
    signal.set_wakeup_fd(dies, warn_on_full_buffer=False)
    # Handlers, because ignored signals would stay ignored in the server.
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    _adopt()
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return NOT_STARTED
    while server.poll() is None:
        ready, _, _ = select.select([0, died], [], [])
        if 0 in ready:
            _ask(server)
            break
        os.read(died, 4096)
    _clear(server)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def _adopt() -> None:
    """Have the server's orphans given to this process, which then buries them (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ask(server: subprocess.Popen[bytes]) -> None:
    """Ask the group to go, and wait for its leader."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(GRACE_S)


def _clear(server: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group, and wait until it is gone, but not for ever."""
    end = time.monotonic() + GONE_S
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < end:
            os.killpg(server.pid, signal.SIGKILL)
            server.poll()
            with suppress(ChildProcessError):
                while server.returncode is not None and os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(STEP_S)
    server.wait()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
