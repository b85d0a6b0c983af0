"""Reading the processor's side of a machine: clocks, memory, what it runs inside of."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil

from crossbench.machine import limits
from crossbench.machine.around import around
from crossbench.machine.model import Host
from crossbench.machine.probes import rapl
from crossbench.machine.reading import Reading

NOT_LINUX = "read on Linux only"
NO_CLOCKS = "the system shows no control of clocks, as in most virtual machines"
KHZ = 1e3


def observe(root: Path = Path("/")) -> Host:
    """The host as it is now; `root` holds its `proc` and `sys`."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Host(
        kernel=platform.release(),
        governors=_governors(root),
        numa_nodes=_numa_nodes(root),
        most_clock_hz=_most_clock(root),
        memory_available_bytes=memory.available,
        swap_total_bytes=swap.total,
        swap_used_bytes=swap.used,
        virtualisation=around(root),
        processors=limits.processors(root),
        processor_quota=limits.processor_quota(root),
        memory_limit_bytes=limits.memory_bytes(root),
        energy=_energy(root),
        on_battery=_on_battery(),
    )


def _governors(root: Path) -> Reading[tuple[str, ...]]:
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    found = sorted({text for file in files if (text := _text(file))})
    if not found:
        return Reading(reason=NO_CLOCKS)
    return Reading(tuple(found))


def _most_clock(root: Path) -> Reading[float]:
    """By the kernel's cpufreq, which counts in kHz."""
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    found = [int(text) for file in files if (text := _text(file)).isdecimal()]
    return Reading(max(found) * KHZ) if found else Reading(reason=NO_CLOCKS)


def _numa_nodes(root: Path) -> Reading[int]:
    nodes = list(root.glob("sys/devices/system/node/node[0-9]*"))
    return Reading(len(nodes)) if nodes else Reading(reason=NOT_LINUX)


def _energy(root: Path) -> Reading[bool]:
    return Reading(rapl.readable(root)) if rapl.packages(root) else Reading(reason=rapl.ABSENT)


def _on_battery() -> Reading[bool]:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return Reading(False)
    if battery.power_plugged is None:
        return Reading(reason="the system does not tell whether it is plugged in")
    return Reading(not battery.power_plugged)


def _text(file: Path) -> str:
    """What a file of the kernel's says; nothing where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
