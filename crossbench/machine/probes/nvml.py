"""Memory, power, clocks, heat and link to the bus of each NVIDIA device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pynvml
from msgspec import Struct

from crossbench.api import Channel, ProbeAbsent

MHZ = 1e6
MILLI = 1e-3
ENERGY = frozenset({"W", "J"})
"""Units of what the whole board draws."""


class _Quantity(Struct, frozen=True):
    name: str
    unit: str
    kind: Literal["gauge", "counter"]
    read: Callable[[Any], float]


QUANTITIES = (
    _Quantity("memory_used", "B", "gauge", lambda h: pynvml.nvmlDeviceGetMemoryInfo(h).used),
    _Quantity("power", "W", "gauge", lambda h: pynvml.nvmlDeviceGetPowerUsage(h) * MILLI),
    _Quantity(
        "energy", "J", "counter", lambda h: pynvml.nvmlDeviceGetTotalEnergyConsumption(h) * MILLI
    ),
    _Quantity("clock", "Hz", "gauge", lambda h: pynvml.nvmlDeviceGetClockInfo(h, 0) * MHZ),
    _Quantity("memory_clock", "Hz", "gauge", lambda h: pynvml.nvmlDeviceGetClockInfo(h, 2) * MHZ),
    _Quantity("temperature", "\u00b0C", "gauge", lambda h: pynvml.nvmlDeviceGetTemperature(h, 0)),
    _Quantity("clock_reasons", "", "gauge", pynvml.nvmlDeviceGetCurrentClocksThrottleReasons),
    _Quantity("busy", "%", "gauge", lambda h: pynvml.nvmlDeviceGetUtilizationRates(h).gpu),
    _Quantity("pcie_generation", "", "gauge", pynvml.nvmlDeviceGetCurrPcieLinkGeneration),
    _Quantity("pcie_width", "", "gauge", pynvml.nvmlDeviceGetCurrPcieLinkWidth),
)
"""What passes over the bus takes longer to read, and has a probe of its own."""


class NvmlProbe:
    """All devices of this machine, whoever may see them: what others do there disturbs too."""

    def __init__(self) -> None:
        self._readers: list[Callable[[], float]] = []

    def open(self) -> Sequence[Channel]:
        """What each device tells at all. Raises ProbeAbsent."""
        try:
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            raise ProbeAbsent(f"NVML: {error}") from error
        channels = [each for index in range(count) for each in self._of_device(index)]
        if not channels:
            raise ProbeAbsent("NVML tells of no device")
        return channels

    def _of_device(self, index: int) -> list[Channel]:
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            uuid = pynvml.nvmlDeviceGetUUID(handle)
        except pynvml.NVMLError:
            return []
        told = []
        for quantity in QUANTITIES:
            reader = _reader(quantity, handle)
            if _value(reader) is not None:
                self._readers.append(reader)
                told.append(
                    Channel(
                        device=uuid,
                        quantity=quantity.name,
                        unit=quantity.unit,
                        kind=quantity.kind,
                        scope="gpu_board" if quantity.unit in ENERGY else None,
                    )
                )
        return told

    def read(self) -> Sequence[float | None]:
        """One call of the driver for each channel."""
        return [_value(reader) for reader in self._readers]

    def close(self) -> None:
        """Leave the driver."""
        pynvml.nvmlShutdown()


def _reader(quantity: _Quantity, handle: Any) -> Callable[[], float]:
    return lambda: float(quantity.read(handle))


def _value(reader: Callable[[], float]) -> float | None:
    try:
        return reader()
    except pynvml.NVMLError:
        return None
