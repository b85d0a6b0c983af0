"""Where an artifact is, as a plan needs to know it; nothing here touches disk or network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from crossbench.artifacts.sizes import sized
from crossbench.headers.files import Header

Purpose = Literal["weights", "tokenizer"]
"""What of a repository is wanted: all that an engine reads, or the tokenizer alone."""


class Present(Struct, frozen=True, tag="present"):
    """It lies on this machine."""

    path: str
    """What an engine is given: a file (the first shard of several), or a directory."""
    commit: str | None = None
    """Of a hub repository: 40 hex digits."""


class Fetchable(Struct, frozen=True, tag="fetchable", kw_only=True):
    """It would be fetched before anything is timed."""

    bytes: int | None
    """Still to be fetched; None where the hub did not tell in time."""
    files: int | None
    free: int
    """Bytes free where it would be put."""
    commit: str | None
    note: str | None
    """Why the hub did not tell, or None."""

    @property
    def fits(self) -> bool | None:
        """Whether it fits on the disk; None where its size is unknown."""
        return None if self.bytes is None else self.bytes <= self.free


class Absent(Struct, frozen=True, tag="absent"):
    """It cannot be had; the reason says what was found and what to do."""

    reason: str


Whereabouts = Present | Fetchable | Absent


class Headed(Struct, frozen=True):
    """An artifact whose header is known."""

    header: Header
    note: str | None = None
    """Where it is not as the artifact is now, whence it is."""


class Unread(Struct, frozen=True):
    """An artifact whose header is not known; the reason says what was found and what to do."""

    reason: str


def crowded(found: Mapping[str, Whereabouts]) -> str | None:
    """What to say where everything that is to be fetched does not fit on the disk together."""
    fetched = [where for where in found.values() if isinstance(where, Fetchable)]
    total = sum(where.bytes or 0 for where in fetched)
    free = min((where.free for where in fetched), default=0)
    if total <= free:
        return None
    return (
        f"all that is to be fetched takes {sized(total)}, and {sized(free)} are free; make room, "
        "move the cache by HF_HOME=/larger/disk, or run some of the targets"
    )
