"""The values of a GGUF's metadata, as ggml's `docs/gguf.md` lays them out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

BOOL, STRING, ARRAY = 7, 8, 9
SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    BOOL: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
"""Kind -> layout of a value of fixed length."""
LENGTH = struct.Struct("<Q")
PLACE = struct.Struct("<IQ")
"""The kind and number of an array's items; the type and offset of a tensor."""

Value: TypeAlias = "int | float | bool | str | Array"


class Array(Struct, frozen=True):
    """An array of the metadata, decoded when iterated."""

    kind: int
    count: int
    data: bytes

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int | float | bool | str]:
        """Its items; those of an array of arrays are given in one sequence.

        Raises UnicodeDecodeError at a string that is no UTF-8.
        """
        return _items(self.kind, self.count, self.data)


def _items(kind: int, count: int, data: bytes) -> Iterator[int | float | bool | str]:
    if kind == STRING:
        return (text.decode() for text in _byte_strings(count, data))
    if kind == ARRAY:
        return _flattened(count, data)
    return (value for (value,) in SCALARS[kind].iter_unpack(data))


def _byte_strings(count: int, data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        yield data[at : at + length]
        at += length


def _flattened(count: int, data: bytes) -> Iterator[int | float | bool | str]:
    at = 0
    for _ in range(count):
        of, inner = PLACE.unpack_from(data, at)
        at += PLACE.size
        end = at + _span(of, inner, data, at)
        yield from _items(of, inner, data[at:end])
        at = end


def _span(kind: int, count: int, data: bytes, at: int) -> int:
    """Bytes that these items take from `at` on."""
    if kind not in (STRING, ARRAY):
        return count * SCALARS[kind].size
    begin = at
    for _ in range(count):
        if kind == STRING:
            at += LENGTH.size + LENGTH.unpack_from(data, at)[0]
        else:
            of, inner = PLACE.unpack_from(data, at)
            at += PLACE.size + _span(of, inner, data, at + PLACE.size)
    return at - begin
