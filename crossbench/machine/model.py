"""The facts of a machine, as every report needs them."""

from __future__ import annotations

from msgspec import Struct

GIB = 2**30


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
