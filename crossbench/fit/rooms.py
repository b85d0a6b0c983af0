"""The devices a target may use: what of them is usable, and what stands in for absent ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossbench.fit.footprint import DeviceRoom

MIB = 2**20
WORKING_SET = 0.74
"""Assumed share of unified memory that Metal lets a GPU keep resident. Measured by others as
`recommendedMaxWorkingSetSize`: 11.84 of 16 GiB, 17.76 of 24 GiB, 107.52 of 128 GiB."""


def usable_bytes(room: DeviceRoom, options: Mapping[str, Any]) -> int | None:
    """What of a device may be taken now; None where its free memory is not known."""
    if room.kind != "metal" or room.total_bytes is None:
        return room.free_bytes
    asked = options.get("wired_limit_mib")
    kept = room.resident_bytes or round(WORKING_SET * room.total_bytes)
    limit = int(asked) * MIB if asked else kept
    return limit if room.free_bytes is None else min(limit, room.free_bytes)


def unified_memory(needed_bytes: int) -> int:
    """Bytes of unified memory of which Metal would let a GPU keep so many."""
    return round(needed_bytes / WORKING_SET)


def supposed(
    options: Mapping[str, Any], *, cuda: int = 0, metal: bool = False
) -> tuple[DeviceRoom, ...]:
    """Devices of unknown size, for a target whose devices this machine lacks."""
    if metal:
        return (DeviceRoom(name="GPU", kind="metal"),)
    ranks = options.get("tensor_parallel_size", 1) * options.get("pipeline_parallel_size", 1)
    count = max(cuda, ranks if cuda else 0, len(options.get("tensor_split") or ()) if cuda else 0)
    return tuple(DeviceRoom(name=f"GPU {index}", kind="cuda") for index in range(count))
