"""The memory of this machine's devices, as it is now."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from crossbench.fit.advice import HOST
from crossbench.fit.footprint import DeviceRoom
from crossbench.machine.model import Machine


def observe(machine: Machine) -> tuple[DeviceRoom, ...]:
    """CUDA devices by index, or unified memory, and the host's own memory last."""
    memory = psutil.virtual_memory()
    known = machine.host.value
    most = min(memory.total, (known and known.memory_limit_bytes.value) or memory.total)
    free = min(memory.available, most)
    host = DeviceRoom(name=HOST, kind="host", total_bytes=most, free_bytes=free)
    if machine.platform == "macos-arm64":
        apple = machine.apple.value
        metal = DeviceRoom(
            name="GPU",
            kind="metal",
            total_bytes=memory.total,
            free_bytes=memory.available,
            resident_bytes=(apple.wired_limit_bytes.value or None) if apple else None,
        )
        return (metal, host)
    return (*_cuda(machine), host)


def open_to(variant: str | None, rooms: Sequence[DeviceRoom]) -> Sequence[DeviceRoom]:
    """The rooms that an environment of this variant uses; all of them where it is not known."""
    if variant in (None, "cuda"):
        return rooms
    return [room for room in rooms if room.kind != "cuda"]


def _cuda(machine: Machine) -> tuple[DeviceRoom, ...]:
    """What the driver told when the machine was looked at; None where it does not tell."""
    return tuple(
        DeviceRoom(
            name=f"GPU {index}",
            kind="cuda",
            total_bytes=device.memory_total_bytes.value,
            free_bytes=device.memory_free_bytes.value,
        )
        for index, device in enumerate(machine.gpus)
    )
