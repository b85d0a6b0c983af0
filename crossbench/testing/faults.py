"""What can be wrong with an engine: each fault of the null engine, and how it is done."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Literal, TypeAlias

from crossbench.api import EngineError, RequestError

DAY_S = 86_400

Fault: TypeAlias = Literal[
    "refuse",  # RequestError: the request fails, the session lives
    "raise",  # EngineError: the launch is over
    "exit",  # SystemExit
    "crash",  # SIGSEGV
    "fork",  # a forked child keeps the pipe, the parent dies of SIGKILL
    "hang",  # the whole process stands still
    "stall",  # the next token comes in a day, and an asynchronous engine's loop lives on
    "noise",  # megabytes on stdout, from Python and from C
    "garbage",  # yields what is no Chunk
    "no_finish",
    "short",  # too few tokens
    "bloat",  # takes memory until it fails
]


def suffer(fault: Fault, mib: int) -> None:
    """Do it; what is wrong with a stream itself is scripted where its chunks are made.

    `mib` is how much memory "bloat" takes.
    """
    if done := _DONE.get(fault):
        done(mib)


def _refuse(_: int) -> None:
    raise RequestError("refused as scripted")


def _raise(_: int) -> None:
    raise EngineError("broken as scripted")


def _exit(_: int) -> None:
    raise SystemExit(3)


def _crash(_: int) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _fork(_: int) -> None:
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(_: int) -> None:
    time.sleep(DAY_S)


def _noise(_: int) -> None:
    sys.stdout.write("noise from Python\n" * 50_000)
    sys.stdout.flush()
    libc = ctypes.CDLL(None)
    for _line in range(50_000):
        libc.puts(b"noise from C")
    libc.fflush(None)


def _bloat(mib: int) -> None:
    hoard = [bytearray(2**20) for _ in range(mib)]
    raise MemoryError(f"took {len(hoard)} MiB")


_DONE = {
    "refuse": _refuse,
    "raise": _raise,
    "exit": _exit,
    "crash": _crash,
    "fork": _fork,
    "hang": _hang,
    "noise": _noise,
    "bloat": _bloat,
}
