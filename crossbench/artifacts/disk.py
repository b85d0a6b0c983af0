"""Room on the disk, looked at before anything is fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

from crossbench.artifacts.sizes import sized
from crossbench.errors import ArtifactFailure


def free(folder: Path) -> int:
    """Bytes free where a folder is, or would be made. Raises OSError."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def check_room(what: str, missing: int, folder: Path) -> None:
    """Raises ArtifactFailure where the bytes still to come do not fit; OSError."""
    if missing > (room := free(folder)):
        raise ArtifactFailure(too_full(what, missing, room, folder))


def too_full(what: str, missing: int, room: int, folder: Path) -> str:
    """What to do about a disk that is too small."""
    return (
        f"{what}: {sized(missing)} are still to be fetched, and {folder} has {sized(room)} free; "
        "make room (`hf cache ls` lists what it holds), or move the cache by HF_HOME=/larger/disk"
    )
