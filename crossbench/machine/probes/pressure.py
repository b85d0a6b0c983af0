"""Thermal pressure of a Mac."""

from __future__ import annotations

from collections.abc import Sequence

from crossbench.api import Channel, ProbeAbsent
from crossbench.machine.pressure import Pressure, Untold


class PressureProbe:
    """How much heat slows the machine down, as macOS counts it: 0 is not at all."""

    def __init__(self) -> None:
        self._pressure: Pressure | None = None

    def open(self) -> Sequence[Channel]:
        """One channel. Raises ProbeAbsent."""
        try:
            self._pressure = Pressure()
            self._pressure.level()
        except Untold as untold:
            raise ProbeAbsent(str(untold)) from untold
        return [Channel(device="host", quantity="thermal_pressure", unit="", kind="gauge")]

    def read(self) -> Sequence[float | None]:
        """The level now."""
        assert self._pressure is not None
        try:
            return [float(self._pressure.level())]
        except Untold:
            return [None]

    def close(self) -> None:
        """Let go of it."""
        if self._pressure is not None:
            self._pressure.close()
