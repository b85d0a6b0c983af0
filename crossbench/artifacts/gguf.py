"""What a GGUF file says of itself: the metadata before its tensors.

Format: ggml's `docs/gguf.md`, versions 2 and 3, little-endian. A file may lie about any count, so
each is checked against what the file has, and all together against a limit.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path

from crossbench.errors import InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LIMIT_BYTES = 512 << 20
"""Of all metadata; the largest vocabularies take some 20 MB."""
ENTRIES = 1 << 16
ELEMENTS = 1 << 22
_CHUNK = 1 << 20
_STRING, _ARRAY = 8, 9
_SCALARS = {
    kind: struct.Struct(f"<{code}")
    for kind, code in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)
}

Scalar = int | float | bool | str
Value = Scalar | list[Scalar]


class _Unsound(Exception):
    """What is wrong with the file."""


def is_gguf(path: Path) -> bool:
    """Whether a file begins as a GGUF does; some tools keep them without the suffix."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_metadata(path: Path) -> Mapping[str, Value]:
    """All keys and values. Raises InputError where the file cannot be read or is not sound."""
    try:
        with path.open("rb") as stream:
            return _Reader(stream, path.stat().st_size).metadata()
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({error.strerror})") from None
    except _Unsound as error:
        raise InputError(f"{path}: it is no sound GGUF: {error}; download it again") from None


class _Reader:
    """Takes values one after the other from a file of a known size."""

    def __init__(self, stream: BufferedReader, size: int) -> None:
        self._stream = stream
        self._left = min(size, LIMIT_BYTES)
        self._data = b""
        self._at = 0

    def metadata(self) -> Mapping[str, Value]:
        if self._take(len(MAGIC)) != MAGIC:
            raise _Unsound("it does not begin with GGUF")
        version = self._scalar(4)
        if version not in VERSIONS:
            raise _Unsound(f"its version is {version}, and known are 2 and 3, little-endian")
        self._scalar(10)  # tensors
        count = self._count(ENTRIES, "entries")
        values: dict[str, Value] = {}
        for _ in range(count):
            key = self._string()
            if key in values:
                raise _Unsound(f"it has {key!r} twice")
            values[key] = self._value(int(self._scalar(4)))
        return values

    def _value(self, kind: int) -> Value:
        if kind != _ARRAY:
            return self._simple(kind)
        inner = int(self._scalar(4))
        count = self._count(ELEMENTS, "elements")
        if inner in _SCALARS:
            form = _SCALARS[inner]
            return [item for (item,) in form.iter_unpack(self._take(count * form.size))]
        return [self._simple(inner) for _ in range(count)]

    def _simple(self, kind: int) -> Scalar:
        if kind == _STRING:
            return self._string()
        return self._scalar(kind)

    def _scalar(self, kind: int) -> Scalar:
        form = _SCALARS.get(kind)
        if form is None:
            raise _Unsound(f"it has a value of the unknown type {kind}")
        value: Scalar = form.unpack(self._take(form.size))[0]
        return value

    def _string(self) -> str:
        try:
            return self._take(int(self._scalar(10))).decode()
        except UnicodeDecodeError as error:
            raise _Unsound(f"it has text that is no UTF-8 ({error.reason})") from None

    def _count(self, limit: int, of: str) -> int:
        count = int(self._scalar(10))
        if count > limit:
            raise _Unsound(f"it claims {count} {of}, and {limit} is the most that is read")
        return count

    def _take(self, size: int) -> bytes:
        have = len(self._data) - self._at
        if size > have:
            self._refill(size - have)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def _refill(self, lacking: int) -> None:
        if lacking > self._left:
            raise _Unsound("its metadata goes on where the file, or what is read of it, ends")
        more = self._stream.read(min(self._left, max(lacking, _CHUNK)))
        self._left -= len(more)
        self._data = self._data[self._at :] + more
        self._at = 0
        if len(more) < lacking:
            raise _Unsound("the file ends within its metadata")
