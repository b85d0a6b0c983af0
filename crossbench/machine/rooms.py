"""The memory of this machine's devices, as it is now."""

from __future__ import annotations

import psutil

from crossbench.fit.advice import HOST
from crossbench.fit.footprint import DeviceRoom
from crossbench.machine.model import Machine
from crossbench.machine.said import said_by

MIB = 2**20
QUERY = ("--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits")


def observe(machine: Machine) -> tuple[DeviceRoom, ...]:
    """CUDA devices by index, or unified memory, and the host's own memory last."""
    memory = psutil.virtual_memory()
    host = DeviceRoom(name=HOST, kind="host", total_bytes=memory.total, free_bytes=memory.available)
    if machine.platform == "macos-arm64":
        metal = DeviceRoom(
            name="GPU", kind="metal", total_bytes=memory.total, free_bytes=memory.available
        )
        return (metal, host)
    return (*(_cuda() if machine.cuda_devices else ()), host)


def _cuda() -> tuple[DeviceRoom, ...]:
    rows = [line.split(",") for line in said_by("nvidia-smi", *QUERY).splitlines()]
    return tuple(
        DeviceRoom(
            name=f"GPU {index}", kind="cuda", total_bytes=_bytes(row[0]), free_bytes=_bytes(row[-1])
        )
        for index, row in enumerate(rows)
    )


def _bytes(mib: str) -> int | None:
    """None where the driver does not tell, as under WSL."""
    return int(mib) * MIB if mib.strip().isdigit() else None
