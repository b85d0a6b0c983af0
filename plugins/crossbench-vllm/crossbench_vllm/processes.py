"""vLLM's own processes: who they are, and waiting until they are gone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from contextlib import suppress

import psutil

KILLED_S = 5.0


def of_engines() -> list[psutil.Process]:
    """Engine cores and their ranks. Python's trackers of shared memory, which tidy up after them
    and then leave by themselves, are not among them."""
    found = []
    for core in multiprocessing.active_children():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(core.pid)
            found += [process, *process.children(recursive=True)]
    return [process for process in found if not _is_tracker(process)]


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill those that still live, and wait at most 5 s until they are gone."""
    left = [process for process in processes if process.is_running()]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=KILLED_S)


def _is_tracker(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("resource_tracker" in word for word in process.cmdline())
    return False
