"""What a target would take of each device, and whence each figure."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Whence: TypeAlias = Literal["header", "formula", "assumed"]
"""Read from the artifact's header; computed from it as the engine does; or a round figure."""
Kind: TypeAlias = Literal["cuda", "metal", "remote", "host"]


class DeviceRoom(Struct, frozen=True, kw_only=True):
    """A device that a model may be put on, real or supposed."""

    name: str
    """As the caller calls it; "host" for the machine's own memory."""
    kind: Kind
    total_bytes: int | None = None
    free_bytes: int | None = None
    """Now; None of a device that is only supposed."""
    resident_bytes: int | None = None
    """What Metal keeps resident of it, where the machine's owner has set that."""


class Part(Struct, frozen=True):
    """One amount of memory."""

    bytes: int = 0
    whence: Whence = "formula"


class Footprint(Struct, frozen=True, kw_only=True):
    """What is taken of one device."""

    device: str
    weights: Part = Part()
    kv: Part = Part()
    """The KV cache, in the size the engine would give it."""
    compute: Part = Part()
    """Activations: the most that is held at once while computing."""
    overhead: Part = Part()
    """What the driver and the engine take besides."""

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(part.bytes for part in (self.weights, self.kv, self.compute, self.overhead))


class Estimate(Struct, frozen=True, kw_only=True):
    """What one target would take."""

    footprints: tuple[Footprint, ...]
    """Of each device it uses; memory of the host last, where it counts."""
    context_tokens: int
    """Tokens one request may hold, as the engine rounds it."""
    kv_capacity_tokens: int
    """Tokens that the KV cache holds in all."""
    kv_bytes_per_token: int
    """Over all devices, for layers that look back at everything."""
    notes: tuple[str, ...] = ()
    """What is not covered, in sentences."""

    @property
    def bytes(self) -> int:
        """All of it, on all devices."""
        return sum(footprint.bytes for footprint in self.footprints)
