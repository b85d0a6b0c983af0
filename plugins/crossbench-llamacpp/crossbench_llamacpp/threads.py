"""How many CPU threads suit llama.cpp by default: one a physical core, as llama-bench has it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")
SYSCTL = "/usr/sbin/sysctl"


def physical_cores() -> int:
    """Physical cores this process may run on (performance cores on a Mac), at least 1."""
    if platform.system() == "Darwin":
        return _performance_cores() or _logical_cores()
    return _cores_of(_allowed_cpus()) or _logical_cores()


def _logical_cores() -> int:
    return os.cpu_count() or 1


def _allowed_cpus() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _cores_of(cpus: set[int]) -> int:
    """Distinct groups of sibling threads among these CPUs; 0 where Linux does not tell."""
    cores = set()
    for cpu in cpus:
        try:
            cores.add((TOPOLOGY / f"cpu{cpu}/topology/thread_siblings").read_text())
        except OSError:
            return 0
    return len(cores)


def _performance_cores() -> int:
    command = [SYSCTL, "-n", "hw.perflevel0.physicalcpu"]
    try:
        return int(subprocess.run(command, capture_output=True, check=True, timeout=5).stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0
