"""Artifacts that lie on this machine: which files an engine reads of them."""

from __future__ import annotations

import os
from pathlib import Path

from crossbench.artifacts.whereabouts import Absent, Present
from crossbench.headers.shards import shard

WEIGHTS = ".safetensors"
BESIDE_WEIGHTS = (WEIGHTS, ".json", ".jinja", ".model", ".txt")
"""What engines read of a directory with safetensors; other formats may lie beside them."""


def look(path: Path) -> Present | Absent:
    """Whether a file or a directory can be loaded from."""
    try:
        if not path.exists():
            return Absent(f"the artifact {path} does not exist{_hint(path)}")
        if path.is_dir():
            empty = f"the artifact {path} is a directory without files"
            return Present(str(path)) if read_by_engines(path) else Absent(empty)
        if not path.is_file():
            return Absent(f"the artifact {path} is neither a file nor a directory")
        return _file(path)
    except OSError as error:
        return Absent(f"the artifact {path} cannot be read: {error.strerror}")


def _file(path: Path) -> Present | Absent:
    found = shard(path.name)
    if found is None:
        return Present(str(path))
    if found.index > 1:
        return Absent(f"the artifact {path} is a later part of a model; name {found.names[0]}")
    if lacking := [name for name in found.names if not (path.parent / name).is_file()]:
        return Absent(
            f"the artifact {path} is one of {found.count} parts, and {len(lacking)} are not "
            f"beside it: {', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''}"
        )
    return Present(str(path))


def _hint(path: Path) -> str:
    """For somebody who wrote a hub repository's name without `hf:`."""
    tail = "/".join(path.parts[-2:])
    written = not path.suffix and not path.parent.exists() and not path.is_relative_to(Path.home())
    return f"; a repository of the Hugging Face hub is written hf:{tail}" if written else ""


def read_by_engines(path: Path) -> list[Path]:
    """The files that engines read of an artifact, sorted. Raises OSError where one refuses.

    Of a directory with safetensors these with their configuration, else every file; of a model in
    parts all parts.
    """
    if not path.is_dir():
        found = shard(path.name)
        return [path.parent / name for name in found.names] if found else [path]

    def refuse(error: OSError) -> None:
        raise error

    everything = [
        Path(place) / name for place, _, names in os.walk(path, onerror=refuse) for name in names
    ]
    whole = sorted(file for file in everything if file.is_file())
    top = [file for file in whole if file.parent == path]
    if any(file.suffix == WEIGHTS for file in top):
        return [file for file in top if file.suffix in BESIDE_WEIGHTS]
    return whole
