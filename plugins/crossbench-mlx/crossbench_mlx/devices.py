"""The device that MLX computes on, its memory, and how much of it may stay resident."""

from __future__ import annotations

import os
from typing import Any

import mlx.core as mx

from crossbench.api import Device, Unsupported

RECOMMENDED = "max_recommended_working_set_size"
MIB = 2**20


def device() -> Device:
    """MLX's default device. Memory is unified on Apple silicon: the device's is the machine's."""
    told = mx.device_info()
    name = str(told.get("device_name", "unknown"))
    if mx.default_device().type == mx.DeviceType.cpu:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Device(id="cpu", name=name, kind="cpu", total_bytes=total)
    total = told.get("memory_size") or told.get("total_memory")
    return Device(
        id=str(told.get("uuid") or told.get("pci_bus_id") or backend()),
        name=name,
        kind="gpu",
        total_bytes=int(total) if total else None,
    )


def backend() -> str:
    """ "metal", "cuda" or "cpu"."""
    if mx.default_device().type == mx.DeviceType.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


class WiredLimit:
    """Memory that Metal keeps resident, set for the life of a session.

    A model near the size of the machine's memory is many times slower without. mlx-lm sets it to
    what Metal recommends, during each generation; set once, it costs no request anything.
    """

    def __init__(self, wanted_mib: int | None) -> None:
        """Set it. Raises Unsupported where macOS allows less."""
        self.recommended: int | None = _recommended()
        self.bytes: int | None = None
        self._before: int | None = None
        if self.recommended is None:
            return
        self.bytes = self.recommended if wanted_mib is None else wanted_mib * MIB
        try:
            self._before = self.set()
        except (ValueError, RuntimeError) as error:
            raise Unsupported(
                f"wired_limit_mib is {wanted_mib}; macOS allows {self.recommended // MIB} unless "
                f"raised by `sudo sysctl iogpu.wired_limit_mb=N`: {error}"
            ) from error

    def set(self) -> int | None:
        """Set it, again where others may have; as it was before."""
        return None if self.bytes is None else int(mx.set_wired_limit(self.bytes))

    def restore(self) -> None:
        """As it was before."""
        if self._before is not None:
            mx.set_wired_limit(self._before)
            self._before = None


def _recommended() -> int | None:
    told: Any = mx.device_info().get(RECOMMENDED)
    return int(told) if told else None
