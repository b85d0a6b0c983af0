"""The artifact of a target: where it is, how large, and which bytes it holds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from msgspec import Struct

REMOTE_SCHEMES = ("hf:", "ollama:", "lmstudio:")
BLOCK_BYTES = 1 << 22
WEIGHTS = ".safetensors"
BESIDE_WEIGHTS = (WEIGHTS, ".json", ".jinja", ".model", ".txt")
"""What engines read of a directory with safetensors; other formats may lie beside them."""


class Artifact(Struct, frozen=True, kw_only=True):
    """What was measured."""

    name: str
    """File or directory name, without the path to it."""
    bytes: int
    files: int
    sha256: str
    """Of the file; of a directory, over the sorted lines `sha256  relative/path` of what is read
    of it: safetensors with their configuration where it has any, else every file."""


def absence(reference: str) -> str | None:
    """Why the artifact cannot be loaded here, or None when it lies there."""
    if reference.startswith(REMOTE_SCHEMES):
        return f"{reference!r} is not a local path; download it and give its path as the artifact"
    path = Path(reference)
    try:
        if not path.exists():
            return f"the artifact {path} does not exist"
        if path.is_dir():
            return None if _files(path) else f"the artifact {path} is a directory without files"
    except OSError as error:
        return f"the artifact {path} cannot be read: {error.strerror}"
    return None if path.is_file() else f"the artifact {path} is neither a file nor a directory"


def identify(path: Path) -> Artifact:
    """Read every byte once. Raises OSError."""
    if path.is_file():
        digest, size = _digest(path)
        return Artifact(name=path.name, bytes=size, files=1, sha256=digest)
    total, lines = 0, []
    files = _files(path)
    for file in files:
        digest, size = _digest(file)
        total += size
        lines.append(f"{digest}  {file.relative_to(path).as_posix()}\n")
    whole = hashlib.sha256("".join(lines).encode()).hexdigest()
    return Artifact(name=path.name, bytes=total, files=len(files), sha256=whole)


def _files(folder: Path) -> list[Path]:
    """The files that engines read of a directory, sorted. Raises OSError where it refuses."""

    def refuse(error: OSError) -> None:
        raise error

    found = [
        Path(place) / name for place, _, names in os.walk(folder, onerror=refuse) for name in names
    ]
    whole = sorted(file for file in found if file.is_file())
    top = [file for file in whole if file.parent == folder]
    if any(file.suffix == WEIGHTS for file in top):
        return [file for file in top if file.suffix in BESIDE_WEIGHTS]
    return whole


def _digest(file: Path) -> tuple[str, int]:
    sha, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            sha.update(block)
            size += len(block)
    return sha.hexdigest(), size
