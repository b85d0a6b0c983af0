"""The artifact of a target, as a run records it."""

from __future__ import annotations

from msgspec import Struct


class Artifact(Struct, frozen=True, kw_only=True):
    """What was measured."""

    name: str
    """File or directory name, without the path to it."""
    bytes: int
    files: int
    sha256: str
    """Of the file; of several, over the sorted lines `sha256  relative/path` of what engines read:
    of a directory safetensors with their configuration where it has any, else every file."""
    commit: str | None = None
    """Of a repository on a hub, 40 hex digits."""
