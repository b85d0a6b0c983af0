"""Energy of Apple silicon, by IOReport, which needs no rights of an administrator.

It is read by zeus-apple-silicon, whose `get_cumulative_energy` gives millijoules by part of the
chip, None for a part that this chip does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from crossbench.api import Channel, ProbeAbsent

LIBRARY = "zeus_apple_silicon"
MILLI = 1e-3
PARTS: Mapping[str, str] = {
    "CPU": "cpu_total_mj",
    "GPU": "gpu_mj",
    "GPU SRAM": "gpu_sram_mj",
    "DRAM": "dram_mj",
    "ANE": "ane_mj",
}
"""Part of the chip -> where the library tells it; cores are counted within the CPU."""


class IoReportProbe:
    """One counter over all parts that tell, and one of each."""

    def __init__(self) -> None:
        self._monitor: Any = None
        self._fields: list[str] = []

    def open(self) -> Sequence[Channel]:
        """The chip first. Raises ProbeAbsent, as everywhere but on Apple silicon."""
        try:
            self._monitor = import_module(LIBRARY).AppleEnergyMonitor()
        except ImportError as error:
            raise ProbeAbsent("only Apple silicon has IOReport") from error
        except RuntimeError as error:
            raise ProbeAbsent(f"IOReport: {error}") from error
        told = self._monitor.get_cumulative_energy()
        parts = {part: field for part, field in PARTS.items() if getattr(told, field) is not None}
        if not parts:
            raise ProbeAbsent("IOReport tells no energy of this chip")
        self._fields = list(parts.values())
        chip = Channel(
            device=f"chip ({', '.join(parts)})",
            quantity="energy",
            unit="J",
            kind="counter",
            scope="soc_package",
        )
        each = [Channel(device=part, quantity="energy", unit="J", kind="counter") for part in parts]
        return [chip, *each]

    def read(self) -> Sequence[float | None]:
        """The counters now; of the whole chip none where a part is missing."""
        told = self._monitor.get_cumulative_energy()
        found = [getattr(told, field) for field in self._fields]
        joules = [None if each is None else each * MILLI for each in found]
        known = [each for each in joules if each is not None]
        return [sum(known) if len(known) == len(joules) else None, *joules]

    def close(self) -> None:
        """Let go of its subscription."""
        self._monitor = None
