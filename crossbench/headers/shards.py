"""GGUF files in parts: `name-00001-of-00003.gguf`, as llama.cpp's `gguf-split` names them."""

from __future__ import annotations

import re

from msgspec import Struct

_SHARD = re.compile(r"(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf)")
_LIMIT = 10_000


class Shard(Struct, frozen=True):
    """One part of a model."""

    stem: str
    index: int
    """From 1."""
    count: int

    @property
    def names(self) -> tuple[str, ...]:
        """All parts of the model in order, with the path that this one was named with."""
        return tuple(
            f"{self.stem}-{index:05}-of-{self.count:05}.gguf" for index in range(1, self.count + 1)
        )


def shard(name: str) -> Shard | None:
    """What a file name says of its part; None for a model in one file."""
    match = _SHARD.fullmatch(name)
    if match is None:
        return None
    index, count = int(match["index"]), int(match["count"])
    return Shard(match["stem"], index, count) if 1 <= index <= count < _LIMIT else None


def parts(name: str) -> tuple[str, ...]:
    """All files of the model that a file belongs to, itself included."""
    found = shard(name)
    return found.names if found else (name,)


def models(names: list[str]) -> list[str]:
    """The GGUFs among the names that can be loaded by themselves: the first part of several.

    Projectors for images (`mmproj`) are no models.
    """
    return [
        name
        for name in sorted(names)
        if name.endswith(".gguf")
        and not name.rpartition("/")[2].startswith("mmproj")
        and ((found := shard(name)) is None or found.index == 1)
    ]
