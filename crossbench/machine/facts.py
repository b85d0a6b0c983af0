"""Reading the facts of this machine."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from shutil import which
from subprocess import DEVNULL, SubprocessError, run

import psutil

from crossbench.envs.variant import has_cuda, platform_name
from crossbench.machine.model import Machine


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
    return _said_by("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or "unknown"


def _cuda_devices() -> tuple[str, ...]:
    if not has_cuda(Path("/"), os.environ):
        return ()
    names = _said_by("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return tuple(line.strip() for line in names.splitlines() if line.strip())


def _said_by(program: str, *arguments: str) -> str:
    """What a program prints, or nothing when it is absent, fails or takes over five seconds."""
    path = which(program)
    if path is None:
        return ""
    try:
        answer = run(
            [path, *arguments], capture_output=True, text=True, timeout=5, stdin=DEVNULL, check=True
        )
    except (OSError, SubprocessError):
        return ""
    return answer.stdout.strip()
