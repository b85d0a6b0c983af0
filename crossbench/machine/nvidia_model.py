"""What NVIDIA's management library (NVML) tells of devices and of the paths between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.machine.reading import UNRECORDED, Reading

Access: TypeAlias = Literal["read", "write", "nvlink", "atomics", "pci"]
"""Kinds of peer-to-peer access, as NVML tells them apart."""
GRANTED = "ok"


class Occupant(Struct, frozen=True, kw_only=True):
    """Another process that holds something of a device."""

    kind: Literal["compute", "graphics"]
    program: Reading[str]
    """Its program's name, without folder."""
    memory_bytes: Reading[int]


class PcieLink(Struct, frozen=True, kw_only=True):
    """A device's link to the bus. Its generation falls while the device is idle, its width not."""

    generation: Reading[int]
    most_generation: Reading[int]
    """Of device and slot together."""
    width: Reading[int]
    """Lanes."""
    most_width: Reading[int]


class Power(Struct, frozen=True, kw_only=True):
    """A device's limit of power, in watts."""

    limit_w: Reading[float]
    default_w: Reading[float]
    least_w: Reading[float]
    """The lowest limit it could be given."""
    most_w: Reading[float]


class NvLink(Struct, frozen=True, kw_only=True):
    """One link of a device."""

    active: bool
    end: Reading[str]
    """PCI address of the device at its other end."""


class NvidiaDevice(Struct, frozen=True, kw_only=True):
    """One device."""

    name: str
    uuid: Reading[str]
    pci_address: Reading[str]
    vbios: Reading[str]
    memory_total_bytes: Reading[int]
    memory_free_bytes: Reading[int]
    memory_used_bytes: Reading[int]
    bar1_bytes: Reading[int]
    """What of its memory the processor can address at once."""
    resizable_bar: Reading[bool]
    """Whether that is all of it."""
    pcie: PcieLink
    power: Power
    ecc: Reading[bool]
    compute_mode: Reading[str]
    """ "default", "exclusive process" or "prohibited"."""
    persistence: Reading[bool]
    """Whether the driver stays loaded while nobody uses the device."""
    busy_percent: Reading[int]
    """Share of the last sampling period in which some kernel ran."""
    temperature_c: Reading[int]
    held_back: Reading[tuple[str, ...]]
    """What holds its clocks back by itself, heat or power; idling does not count."""
    occupants: Reading[tuple[Occupant, ...]]
    clocks_set: Reading[tuple[str, ...]] = Reading(reason=UNRECORDED)
    """By what somebody has set its clocks lower; told only while it works."""
    numa_node: Reading[int] = Reading(reason=UNRECORDED)
    """The one whose memory is nearest to it."""
    nvlinks: Reading[tuple[NvLink, ...]] = Reading(reason=UNRECORDED)
    """Those it has, whatever they lead to; empty for a device without NVLink."""


class Pair(Struct, frozen=True, kw_only=True):
    """The path between two devices."""

    devices: tuple[int, int]
    """Their places among the devices."""
    topology: Reading[str]
    """What they have in common, such as "one PCIe switch" or "a host bridge"."""
    access: Mapping[Access, Reading[str]]
    """Kind of peer-to-peer access -> "ok", or what stands against it."""
    nvlinks: Reading[int]
    """Active NVLink links between them."""

    @property
    def peer_to_peer(self) -> bool | None:
        """Whether they read and write each other's memory; None where the driver does not tell."""
        told = [self.access[kind].value for kind in ("read", "write") if kind in self.access]
        if len(told) < len(("read", "write")) or None in told:
            return None
        return all(status == GRANTED for status in told)


class Nvidia(Struct, frozen=True, kw_only=True):
    """All NVIDIA devices that this process can open."""

    driver: Reading[str]
    cuda: Reading[str]
    """The newest CUDA that the driver serves, such as "12.8"."""
    devices: tuple[NvidiaDevice, ...]
    pairs: tuple[Pair, ...]
    """Every two of them."""
    hidden: int = 0
    """Devices that CUDA_VISIBLE_DEVICES hides."""
    lost: tuple[str, ...] = ()
    """Why each of those that cannot be opened cannot."""
