"""The facts of a machine, as every report needs them: each a value with its unit, or a reason."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.machine.apple_model import Apple
from crossbench.machine.nvidia_model import Nvidia, NvidiaDevice
from crossbench.machine.reading import UNRECORDED, Reading

GIB = 2**30
Medium: TypeAlias = Literal["solid state", "spinning disk", "network", "memory"]


class Storage(Struct, frozen=True, kw_only=True):
    """Where an artifact lies."""

    bytes: int
    """Of all its files."""
    medium: Reading[Medium]


class Host(Struct, frozen=True, kw_only=True):
    """The processor's side of a machine, as it was when it was looked at."""

    kernel: str
    governors: Reading[tuple[str, ...]]
    """How the cores' clocks are chosen, such as "performance"; several where cores differ."""
    numa_nodes: Reading[int]
    most_clock_hz: Reading[float] = Reading(reason=UNRECORDED)
    """What the fastest core's clock may rise to."""
    energy: Reading[bool] = Reading(reason=UNRECORDED)
    """Whether the energy of its processors may be read by this user; false where only root may."""
    memory_available_bytes: int
    """What could be taken without swapping."""
    swap_total_bytes: int
    swap_used_bytes: int
    virtualisation: Reading[str]
    """The hypervisor or container around it, such as "KVM"; "none" on bare metal."""
    on_battery: Reading[bool]
    processors: Reading[int] = Reading(reason=UNRECORDED)
    """How many of the logical ones this process is let run on."""
    processor_quota: Reading[float] = Reading(reason=UNRECORDED)
    """Seconds of their time a second that its control groups let it take."""
    memory_limit_bytes: Reading[int] = Reading(reason=UNRECORDED)
    """What its control groups let it have."""


class Machine(Struct, frozen=True, kw_only=True):
    """Facts of one machine, without its name or its owner's."""

    platform: str
    """As a suite's `needs.platform` writes it, such as "linux-x86_64"."""
    system: str
    """Operating system and kernel."""
    cpu: str
    physical_cores: int | None
    logical_cores: int | None
    memory_bytes: int
    cuda_devices: tuple[str, ...]
    """Model names of the NVIDIA devices this process can open."""
    wsl: bool
    python: str
    host: Reading[Host] = Reading(reason=UNRECORDED)
    nvidia: Reading[Nvidia] = Reading(reason=UNRECORDED)
    """Of the same devices as `cuda_devices`, in the same order."""
    apple: Reading[Apple] = Reading(reason=UNRECORDED)

    @property
    def gpus(self) -> tuple[NvidiaDevice, ...]:
        """What is known of each of `cuda_devices`; empty where nothing was recorded."""
        return self.nvidia.value.devices if self.nvidia.value else ()
