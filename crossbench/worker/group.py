"""The living members of a process group."""

from __future__ import annotations

import os

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
