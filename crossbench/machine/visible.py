"""Which of a machine's devices CUDA shows to a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

VARIABLE = "CUDA_VISIBLE_DEVICES"
ORDER, BY_BUS = "CUDA_DEVICE_ORDER", "PCI_BUS_ID"
"""Without it CUDA counts the fastest card first, wherever it is."""


def visible(uuids: Sequence[str], environ: Mapping[str, str]) -> list[int]:
    """Places of the visible devices, in the order in which CUDA counts them.

    CUDA_VISIBLE_DEVICES names devices by index or by the beginning of their UUID, and what stands
    behind the first name that fits none is hidden (CUDA C++ Programming Guide, "CUDA Environment
    Variables"). Indices are taken for places in NVML's order, that of the bus; CUDA follows it
    where ORDER says so, as to every process that is started for a run.
    """
    named = environ.get(VARIABLE)
    if named is None:
        return list(range(len(uuids)))
    places: list[int] = []
    for name in named.split(","):
        place = _place(name.strip(), uuids)
        if place is None or place in places:
            break
        places.append(place)
    return places


def _place(name: str, uuids: Sequence[str]) -> int | None:
    if name.isdecimal():
        return int(name) if int(name) < len(uuids) else None
    found = [place for place, uuid in enumerate(uuids) if name and uuid.startswith(name)]
    return found[0] if len(found) == 1 else None
