"""The processors of this machine, and holding a process to some of them (Linux only)."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from crossbench.places.placement import Cores

TOPOLOGY = Path("/sys/devices/system/cpu")


def usable(topology: Path = TOPOLOGY) -> Cores:
    """Those this process may use, core by core; none where no process can be held to any."""
    if sys.platform != "linux":
        return ()
    cores: dict[tuple[int, int], list[int]] = defaultdict(list)
    for cpu in sorted(os.sched_getaffinity(0)):
        cores[_core(topology, cpu)].append(cpu)
    return tuple(tuple(threads) for _, threads in sorted(cores.items()))


def hold(pid: int, cpus: Iterable[int]) -> None:
    """Let a process, and all that it starts from now on, run on these only. Raises OSError."""
    if sys.platform == "linux":
        os.sched_setaffinity(pid, cpus)


def _core(topology: Path, cpu: int) -> tuple[int, int]:
    """Package and core as the kernel numbers them; a core of its own where it does not tell."""
    folder = topology / f"cpu{cpu}" / "topology"
    try:
        package = int((folder / "physical_package_id").read_text())
        return package, int((folder / "core_id").read_text())
    except (OSError, ValueError):
        return -1, cpu
