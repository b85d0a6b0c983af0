"""Reading the facts of this machine."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil

from crossbench.envs.variant import has_cuda, platform_name
from crossbench.machine.model import Machine
from crossbench.machine.said import said_by


def observe() -> Machine:
    """Read the facts of this machine."""
    release = platform.release()
    return Machine(
        platform=platform_name(platform.system(), platform.machine()),
        system=_system(release),
        cpu=_cpu(),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        cuda_devices=_cuda_devices(),
        wsl="microsoft" in release.lower(),
        python=platform.python_version(),
    )


def _system(release: str) -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]} (Darwin {release})"
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        name = platform.system()
    return f"{name}, kernel {release}"


def _cpu() -> str:
    """The processor's model name."""
    try:
        found = re.search(
            r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE
        )
        if found:
            return found[1].strip()
    except OSError:
        pass
    return said_by("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or "unknown"


def _cuda_devices() -> tuple[str, ...]:
    if not has_cuda(Path("/"), os.environ):
        return ()
    names = said_by("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return tuple(line.strip() for line in names.splitlines() if line.strip())
