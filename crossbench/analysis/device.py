"""One device under one name, whatever the engine, the driver and a probe call it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crossbench.analysis.sitting import Sitting
from crossbench.api import Device
from crossbench.machine.model import Machine
from crossbench.machine.redaction import UUID, aliases


def names(found: Iterable[Sitting], machine: Machine) -> Mapping[str, str]:
    """Device as probes call it -> as a report does, where it is called otherwise there.

    `machine` is the one that still has its UUIDs; cards that it does not show are numbered apart.
    """
    known = aliases(machine)
    told = dict.fromkeys(channel.device for sitting in found for channel in sitting.channels)
    hidden = [device for device in told if device not in known and UUID.fullmatch(device)]
    return {**known, **{device: f"hidden GPU {place}" for place, device in enumerate(hidden)}}


def place(machine: Machine, device: str) -> int | None:
    """Which of the machine's GPUs an engine calls that: by UUID, or by PCI address in any length.

    None where it is none of them.
    """
    for number, gpu in enumerate(machine.gpus):
        address = (gpu.pci_address.value or "").lower()
        if device == gpu.uuid.value or (address and _alike(device.lower(), address)):
            return number
    return None


def _alike(one: str, other: str) -> bool:
    return one.lstrip("0").removeprefix(":") == other.lstrip("0").removeprefix(":")


def gpus(machine: Machine, devices: Sequence[Device]) -> tuple[int, ...] | None:
    """Places of the machine's GPUs that a target uses; None where one of its GPUs is unknown."""
    found = [place(machine, device.id) for device in devices if device.kind == "gpu"]
    known = [each for each in found if each is not None]
    return tuple(sorted(set(known))) if len(known) == len(found) else None
