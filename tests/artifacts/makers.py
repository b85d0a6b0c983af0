"""GGUF files of metadata alone, written for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value: Any) -> bytes:
    """A value behind its type."""
    kind, data = _encoded(value)
    return struct.pack("<I", kind) + data


def _encoded(value: Any) -> tuple[int, bytes]:
    match value:
        case bool():
            return BOOL, struct.pack("<?", value)
        case int():
            return I32, struct.pack("<i", value)
        case float():
            return F32, struct.pack("<f", value)
        case str():
            return STRING, text(value)
        case list():
            kinds = {_encoded(item)[0] for item in value} or {STRING}
            (kind,) = kinds
            items = b"".join(_encoded(item)[1] for item in value)
            return ARRAY, struct.pack("<IQ", kind, len(value)) + items
    raise TypeError(value)


def header(entries: int, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, entries)


def gguf(path: Path, metadata: Mapping[str, Any], version: int = 3) -> Path:
    body = b"".join(text(key) + typed(value) for key, value in metadata.items())
    path.write_bytes(header(len(metadata), version) + body)
    return path
