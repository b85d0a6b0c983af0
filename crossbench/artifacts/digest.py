"""SHA-256 of files that are too large to be read for every run.

A hash is remembered under the file's real path and taken again only where size and modification
time are the same. What is remembered is one small file each, so that two runs never disturb each
other and a damaged one costs only itself.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
from msgspec import Meta, Struct

from crossbench.artifacts.meter import Meter
from crossbench.envs.progress import Progress
from crossbench.errors import ArtifactFailure

PIECE_BYTES = 1 << 22
_NAMED = re.compile(r"(?:sha256[-:])?(?P<sha256>[0-9a-f]{64})")
"""How the caches of huggingface_hub and Ollama name contents."""


class _Known(Struct, frozen=True):
    path: str
    size: int
    mtime_ns: int
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Digests:
    """Hashes, and where they are remembered."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_cache_path("crossbench") / "sha256"

    def sha256(self, files: list[Path], progress: Progress) -> dict[Path, str]:
        """File -> hex SHA-256; links are followed.

        Raises OSError where one cannot be read, ArtifactFailure where one is changed meanwhile, or
        is not what its cache names it.
        """
        known = {file: self._remembered(file) for file in files}
        sizes = sum(file.stat().st_size for file in files if not known[file])
        meter = Meter(progress, sizes)
        return {file: found or self._read(file, meter) for file, found in known.items()}

    def learn(self, file: Path, sha256: str) -> None:
        """Remember what was found while the file was written. Raises OSError."""
        real = file.resolve(strict=True)
        stat = real.stat()
        self._remember(_Known(str(real), stat.st_size, stat.st_mtime_ns, sha256))

    def _read(self, file: Path, meter: Meter) -> str:
        real = file.resolve(strict=True)
        before = real.stat()
        sha256, left = hashlib.sha256(), before.st_size
        with real.open("rb") as stream:
            while piece := stream.read(min(left, PIECE_BYTES)):
                sha256.update(piece)
                left -= len(piece)
                meter.add(len(piece), f"hashing {file.name}")
        found, after = sha256.hexdigest(), real.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ArtifactFailure(f"{file} was changed while it was read; wait until it is whole")
        _check_name(file, real, found)
        self._remember(_Known(str(real), after.st_size, after.st_mtime_ns, found))
        return found

    def _place(self, real: str) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(real)).hexdigest()[:32]}.json"

    def _remembered(self, file: Path) -> str | None:
        real = file.resolve(strict=True)
        stat = real.stat()
        try:
            known = msgspec.json.decode(self._place(str(real)).read_bytes(), type=_Known)
        except (OSError, msgspec.DecodeError, UnicodeError):
            return None
        same = _Known(str(real), stat.st_size, stat.st_mtime_ns, known.sha256)
        return known.sha256 if known == same else None

    def _remember(self, known: _Known) -> None:
        """A cache that cannot be written costs time, nothing else."""
        place = self._place(known.path)
        written = place.with_name(f".{uuid.uuid4().hex}")
        with suppress(OSError, UnicodeError):
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                written.write_bytes(msgspec.json.encode(known))
                written.replace(place)
            finally:
                written.unlink(missing_ok=True)


def _check_name(file: Path, real: Path, found: str) -> None:
    named = _NAMED.fullmatch(real.name)
    if named and named["sha256"] != found:
        raise ArtifactFailure(
            f"{file}: its content in {real} is damaged: its hash is {found}; delete that file and "
            "fetch it again"
        )
