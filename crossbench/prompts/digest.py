"""Hashes of token ids: two cells may be compared only where these are equal."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence


def ids_sha256(ids: Sequence[int]) -> str:
    """Hex SHA-256 over the ids as little-endian unsigned 32-bit integers."""
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


def prompts_sha256(prompts: Iterable[Sequence[int]]) -> str:
    """Hex SHA-256 over the digests of several prompts, in order."""
    return hashlib.sha256(b"".join(bytes.fromhex(ids_sha256(ids)) for ids in prompts)).hexdigest()


def words_sha256(*words: object) -> bytes:
    """Digest of a tuple of values by their text; what every seeded choice here is drawn from.

    Unlike `hash`, it is the same in every process and Python version.
    """
    return hashlib.sha256("\x1f".join(str(word) for word in words).encode()).digest()
