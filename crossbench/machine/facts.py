"""Reading the facts of this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psutil

from crossbench.envs.variant import platform_name
from crossbench.machine import apple, cards, host
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import Nvidia
from crossbench.machine.processor_name import processor_name
from crossbench.machine.reading import Reading
from crossbench.machine.said import said_by

APPLE = "macos-arm64"


class Devices(Protocol):
    """What reads the NVIDIA devices: `cards.observe`, or `nvidia.observe` in this process."""

    def __call__(self, *, wsl: bool, environ: Mapping[str, str]) -> Reading[Nvidia]:
        """Those that CUDA would show a process of this environment."""
        ...


def observe(
    root: Path = Path("/"),
    environ: Mapping[str, str] = os.environ,
    devices: Devices = cards.observe,
) -> Machine:
    """Read the facts of this machine; `root` holds its `proc` and `sys`."""
    release = platform.release()
    name = platform_name(platform.system(), platform.machine())
    wsl = "microsoft" in release.lower()
    nvidia = devices(wsl=wsl, environ=environ)
    return Machine(
        platform=name,
        system=_system(release),
        cpu=_cpu(root),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        cuda_devices=_names(nvidia),
        wsl=wsl,
        python=platform.python_version(),
        host=Reading(host.observe(root)),
        nvidia=nvidia,
        apple=Reading(apple.observe()) if name == APPLE else Reading(reason=f"this is {name}"),
    )


def _names(nvidia: Reading[Nvidia]) -> tuple[str, ...]:
    return tuple(device.name for device in nvidia.value.devices) if nvidia.value else ()


def _system(release: str) -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]} (Darwin {release})"
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        name = platform.system()
    return f"{name}, kernel {release}"


def _cpu(root: Path) -> str:
    """The processor's name, and where there is none, why."""
    told = processor_name(root) or said_by("sysctl", "-n", "machdep.cpu.brand_string")
    return told or platform.processor() or "unknown: neither the kernel nor its firmware names it"
