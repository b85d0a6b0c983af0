"""Headers of a hub's models, remembered so that a later plan needs no network.

A small file each, under the reference and the hub it was read from; a GGUF's vocabulary, by far
the most of its header, is left out. A file that is damaged, or of another version, costs only
itself.
"""

from __future__ import annotations

import hashlib
import uuid
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs
from msgspec import Struct
from msgspec.structs import replace

from crossbench.artifacts.listing import RemoteFile
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.settings import HubSettings
from crossbench.headers.files import Header
from crossbench.headers.gguf import Gguf

VERSION = 1
VOCABULARY = "tokenizer."


class Remembered(Struct, frozen=True, kw_only=True):
    """What was read of a repository, or of one model in it."""

    version: int = VERSION
    commit: str
    """What its revision was then."""
    files: tuple[RemoteFile, ...]
    """Those that an engine reads."""
    header: Header


def recall(wanted: Hub, settings: HubSettings) -> Remembered | None:
    """What was read under this reference before, or None."""
    try:
        found = msgspec.msgpack.decode(_place(wanted, settings).read_bytes(), type=Remembered)
    except (OSError, msgspec.DecodeError, UnicodeError):
        return None
    return found if found.version == VERSION else None


def remember(wanted: Hub, settings: HubSettings, found: Remembered) -> None:
    """Keep it; a cache that cannot be written costs time, nothing else."""
    place = _place(wanted, settings)
    written = place.with_name(f".{uuid.uuid4().hex}")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            written.write_bytes(msgspec.msgpack.encode(replace(found, header=lean(found.header))))
            written.replace(place)
        finally:
            written.unlink(missing_ok=True)


def _place(wanted: Hub, settings: HubSettings) -> Path:
    key = hashlib.sha256(f"{settings.endpoint} {wanted}".encode()).hexdigest()[:32]
    return platformdirs.user_cache_path("crossbench") / "headers" / f"{key}.msgpack"


def lean(header: Header) -> Header:
    """The same header without its vocabulary."""
    if not isinstance(header, Gguf):
        return header
    kept = {k: v for k, v in header.metadata.items() if not k.startswith(VOCABULARY)}
    return replace(header, metadata=kept)
