"""What passes over the PCIe bus, to and from each NVIDIA device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pynvml

from crossbench.api import Channel, ProbeAbsent
from crossbench.machine.nvml import handles, plain

KB = 1000
WAYS = {
    "pcie_sent": pynvml.NVML_PCIE_UTIL_TX_BYTES,
    "pcie_received": pynvml.NVML_PCIE_UTIL_RX_BYTES,
}
"""Quantity -> counter, each as the device sees it."""


class PcieProbe:
    """Bytes per second over the 20 ms before each call, for which the call waits (nvml.h)."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], int]] = []

    def open(self) -> Sequence[Channel]:
        """Both ways of each device that tells. Raises ProbeAbsent."""
        try:
            pynvml.nvmlInit()
            channels = list(self._channels())
        except pynvml.NVMLError as error:
            raise ProbeAbsent(f"NVML: {error}") from error
        if not channels:
            raise ProbeAbsent("no device tells what passes over its bus")
        return channels

    def _channels(self) -> Iterator[Channel]:
        for handle in (each.value for each in handles() if each.value is not None):
            uuid = plain(partial(pynvml.nvmlDeviceGetUUID, handle)).value
            for quantity, counter in WAYS.items():
                call = partial(_kilobytes, handle, counter)
                if uuid is not None and plain(call).value is not None:
                    self._calls.append(call)
                    yield Channel(device=uuid, quantity=quantity, unit="B/s", kind="gauge")

    def read(self) -> Sequence[float | None]:
        """One call of the driver for each channel."""
        found = [plain(call).value for call in self._calls]
        return [None if each is None else float(each * KB) for each in found]

    def close(self) -> None:
        """Leave the driver."""
        pynvml.nvmlShutdown()


def _kilobytes(handle: Any, counter: int) -> int:
    return int(pynvml.nvmlDeviceGetPcieThroughput(handle, counter))
