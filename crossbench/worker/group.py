"""The living members of a process group, and those that have left it."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil


def members(group: int) -> list[int]:
    """Process ids; a zombie, which only waits to be counted by its parent, is none."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def inheritors(variable: str, value: str) -> dict[int, str]:
    """Processes that inherited this environment variable, whoever their parent is now, by id with
    their command lines; a zombie is none."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            theirs = process.environ().get(variable) == value
            if theirs and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline()) or process.name()
    return found


def kill(pid: int) -> None:
    """End a process at once, if it is still there."""
    with suppress(psutil.Error):
        psutil.Process(pid).kill()
