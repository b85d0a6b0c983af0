"""`python keeper.py WORD...`: runs a command for as long as this process's standard input is open.

It obeys four words on its input, one a line: "pause" stops the command and all that descends from
it, "go" lets them run on, "spent" tells their processor time; each is answered by a line with the
seconds of processor time spent so far. "alive" is answered by a nought, and by nothing once the
command has ended. When the input ends, however its writer went, all of them
are ended: a host that dies leaves nothing behind. It exits as the command does.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY_S = 0.1
PASSES = 3
"""A process that forks while the others are stopped is found by another look."""
GONE_S = 5.0
NOT_FOUND = 127


def adopt() -> None:
    """Become the parent of whoever loses his own among the descendants (prctl(2), Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[psutil.Process]:
    """All that the command has started, itself included."""
    return psutil.Process().children(recursive=True)


def each(act: Callable[[psutil.Process], object], passes: int = 1) -> None:
    """Do this to every descendant; one that is gone meanwhile needs nothing."""
    for _ in range(passes):
        for process in descendants():
            with suppress(psutil.Error):
                act(process)


def spent_s() -> float:
    """Processor time of the living descendants, and of the dead that a parent has waited for."""
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = waited.ru_utime + waited.ru_stime
    for process in descendants():
        with suppress(psutil.Error, OSError):
            times = process.cpu_times()
            own_s = clock_s(process.pid)
            total += times.user + times.system if own_s is None else own_s
            total += times.children_user + times.children_system
    return total


def clock_s(pid: int) -> float | None:
    """Processor time of a living process by its own clock, clock_getcpuclockid(3); elsewhere than
    on Linux None. What the kernel tells otherwise is counted in hundredths of a second."""
    if sys.platform != "linux":
        return None
    clock = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        return None
    return time.clock_gettime(clock.value)


def obey(word: str) -> None:
    """Do as the host says, and answer."""
    if word == "pause":
        each(psutil.Process.suspend, PASSES)
    elif word == "go":
        each(psutil.Process.resume, PASSES)
    sys.stdout.write("0\n" if word == "alive" else f"{spent_s():.6f}\n")
    sys.stdout.flush()


def watch(command: subprocess.Popen[bytes]) -> None:
    """Until the command ends, or the input does."""
    pending = b""
    while command.poll() is None:
        if not select.select([0], [], [], LOOK_EVERY_S)[0]:
            continue
        said = os.read(0, 4096)
        if not said:
            return
        *lines, pending = (pending + said).split(b"\n")
        for line in lines:
            if command.poll() is not None:
                return
            obey(line.decode())


def end() -> None:
    """End every descendant, within some seconds."""
    for _ in range(int(GONE_S / LOOK_EVERY_S)):
        if not (left := descendants()):
            return
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=LOOK_EVERY_S)


def main(words: list[str]) -> int:
    """Run the command; its exit code, as a shell gives it."""
    adopt()
    try:
        command = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {words[0]}: {error.strerror}\n")
        return NOT_FOUND
    try:
        watch(command)
    finally:
        code = command.poll()
        end()
    return 128 - code if code is not None and code < 0 else code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
