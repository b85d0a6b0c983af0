"""What lies in the cache of huggingface_hub, read and written without the network.

Its layout is public: `models--OWNER--REPO/` holds `refs/REVISION` (a commit), `blobs/ETAG`
(contents) and `snapshots/COMMIT/FILE` (links to blobs).
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from crossbench.artifacts.choice import chosen
from crossbench.artifacts.disk import free
from crossbench.artifacts.listing import RemoteFile
from crossbench.artifacts.local import WEIGHTS
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.whereabouts import Absent, Fetchable, Present, Purpose
from crossbench.errors import ArtifactFailure

COMMIT = re.compile(r"[0-9a-f]{40}")
_PART = re.compile(r"(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.safetensors")


class _Index(Struct):
    weight_map: dict[str, str]


class Cached(Struct, frozen=True):
    """One repository's folder in the cache; nothing of it needs to exist."""

    folder: Path

    @classmethod
    def of(cls, cache: Path, wanted: Hub) -> Cached:
        """Where the cache keeps a repository."""
        return cls(cache / f"models--{wanted.owner}--{wanted.repo}")

    def commit(self, revision: str) -> str | None:
        """The commit that a revision was when it was fetched, or None."""
        if COMMIT.fullmatch(revision):
            return revision
        try:
            read = (self.folder / "refs" / revision).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        return read if COMMIT.fullmatch(read) else None

    def snapshot(self, commit: str) -> Path:
        """Where the files of a commit are."""
        return self.folder / "snapshots" / commit

    def blob(self, etag: str) -> Path:
        """Where the content of this hash is."""
        return self.folder / "blobs" / etag

    def names(self, commit: str) -> list[str]:
        """The files of a commit that were fetched; a link whose blob is gone is none."""
        folder = self.snapshot(commit)
        found = [Path(place) / name for place, _, names in os.walk(folder) for name in names]
        return sorted(f.relative_to(folder).as_posix() for f in found if f.is_file())

    def place(self, etag: str, commit: str, name: str) -> Path:
        """Make a blob a file of its commit. Raises OSError.

        Where the file system knows no links the content moves, as huggingface_hub does it.
        """
        blob, file = self.blob(etag), self.snapshot(commit) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        link = file.with_name(f".{uuid.uuid4().hex}")
        try:
            link.symlink_to(os.path.relpath(blob, file.parent))
            link.replace(file)
        except OSError:
            link.unlink(missing_ok=True)
            shutil.move(blob, file)
        return file

    def remember(self, revision: str, commit: str) -> None:
        """Note which commit a branch or a tag is now, so that it is found offline."""
        if revision != commit:
            ref = self.folder / "refs" / revision
            ref.parent.mkdir(parents=True, exist_ok=True)
            ref.write_text(commit, encoding="utf-8")


def find(wanted: Hub, cache: Path, purpose: Purpose) -> Present | None:
    """The artifact where it was fetched completely before, whoever did it."""
    cached = Cached.of(cache, wanted)
    commit = cached.commit(wanted.at)
    if commit is None:
        return None
    names = cached.names(commit)
    try:
        files = chosen(wanted, names, purpose)
    except ArtifactFailure:
        return None
    folder = cached.snapshot(commit)
    if purpose == "weights" and wanted.file is None and not _complete(folder, files):
        return None
    return Present(str(folder / files[0] if wanted.file else folder), commit)


def _complete(folder: Path, names: tuple[str, ...]) -> bool:
    """Whether the weights that a snapshot speaks of are all there, and its configuration."""
    needed = {"config.json"}
    for name in names:
        if name.endswith(f"{WEIGHTS}.index.json"):
            with suppress(OSError, msgspec.DecodeError):
                index = msgspec.json.decode((folder / name).read_bytes(), type=_Index)
                needed |= set(index.weight_map.values())
        elif match := _PART.fullmatch(name):
            count = min(int(match["count"]), len(names) + 1)
            needed |= {
                f"{match['stem']}-{index:05}-of-{match['count']}{WEIGHTS}"
                for index in range(1, count + 1)
            }
    return needed <= set(names)


def fetchable(
    wanted: Hub, cache: Path, commit: str, files: tuple[RemoteFile, ...]
) -> Fetchable | Absent:
    """What fetching these files of a repository would take."""
    try:
        return Fetchable(
            bytes=missing(Cached.of(cache, wanted), commit, files),
            files=len(files),
            free=free(cache),
            commit=commit,
            note=None,
        )
    except OSError as error:
        return Absent(f"{cache} cannot be read: {error.strerror}; name another by HF_HOME")


def missing(cached: Cached, commit: str, files: Iterable[RemoteFile]) -> int:
    """Bytes of these files of a commit that are still to come."""
    return sum(_missing(cached, commit, file) for file in files)


def _missing(cached: Cached, commit: str, file: RemoteFile) -> int:
    if (cached.snapshot(commit) / file.name).exists() or cached.blob(file.etag).exists():
        return 0
    part = partial(cached.blob(file.etag))
    return max(0, file.bytes - part.stat().st_size) if part.exists() else file.bytes


def partial(blob: Path) -> Path:
    """Where the beginning of a blob is while the rest is still to come."""
    return blob.with_name(f"{blob.name}.incomplete")
