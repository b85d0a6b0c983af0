"""Clocks of the processor, and how often heat or power held them back, as Linux counts it.

The counters are those of Documentation/admin-guide/thermal of the kernel
(arch/x86/kernel/cpu/mce/therm_throt.c): Intel's processors have them, AMD's and virtual ones
do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from crossbench.api import Channel, ProbeAbsent

CPUS = Path("sys/devices/system/cpu")
KHZ = 1e3
MOST_CLOCKS = 16
"""Cores whose clock is read: asking a core that sleeps wakes it."""
DEVICE = "processor"


class ProcessorProbe:
    """All cores together."""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root` holds `sys`."""
        self._cpus = root / CPUS
        self._clocks: list[Path] = []
        self._cores: list[Path] = []
        self._packages: list[Path] = []

    def open(self) -> Sequence[Channel]:
        """What this processor tells. Raises ProbeAbsent."""
        clocks = sorted(self._cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
        self._clocks = clocks[:: -(-len(clocks) // MOST_CLOCKS) or 1]
        self._cores = self._counters("core_throttle_count", "topology/core_cpus_list")
        self._packages = self._counters("package_throttle_count", "topology/physical_package_id")
        channels = [
            *([_channel("clock", "Hz", "gauge")] if self._clocks else []),
            *([_channel("core_throttles", "", "counter")] if self._cores else []),
            *([_channel("package_throttles", "", "counter")] if self._packages else []),
        ]
        if not channels:
            raise ProbeAbsent("the kernel tells no clocks, as in most virtual machines")
        return channels

    def _counters(self, name: str, place: str) -> list[Path]:
        """One file for each core or package, whose threads all show the same count."""
        found: dict[str, Path] = {}
        for file in sorted(self._cpus.glob(f"cpu[0-9]*/thermal_throttle/{name}")):
            cpu = file.parents[1]
            found.setdefault(_text(cpu / place) or cpu.name, file)
        return list(found.values())

    def read(self) -> Sequence[float | None]:
        """The mean clock of up to 16 cores, and both counts since the machine was started."""
        read: list[float | None] = []
        if self._clocks:
            hertz = [each * KHZ for each in _numbers(self._clocks)]
            read.append(sum(hertz) / len(hertz) if hertz else None)
        for files in filter(None, (self._cores, self._packages)):
            counts = _numbers(files)
            read.append(float(sum(counts)) if len(counts) == len(files) else None)
        return read

    def close(self) -> None:
        """Nothing is held."""


def _channel(quantity: str, unit: str, kind: Literal["gauge", "counter"]) -> Channel:
    return Channel(device=DEVICE, quantity=quantity, unit=unit, kind=kind)


def _numbers(files: Iterable[Path]) -> list[int]:
    """Of those that can be read; a core that was taken off line cannot."""
    return [int(text) for file in files if (text := _text(file)).isdecimal()]


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
