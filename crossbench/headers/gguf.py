"""The header of a GGUF file: metadata and tensor infos, and never a tensor's data.

Layout as in ggml's `docs/gguf.md`: magic, version, counts, key-value pairs, tensor infos; the data
begins at the next multiple of `general.alignment`. Every count and length in it may lie, so each is
held against a bound before it is believed. Arrays, of which a tokenizer has large ones, are kept as
they lie in the file and decoded only when asked.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import prod

from msgspec import Struct

from crossbench.errors import HeaderError
from crossbench.headers.ggml_types import TYPES
from crossbench.headers.gguf_values import ARRAY, LENGTH, PLACE, SCALARS, STRING, Array, Value
from crossbench.headers.source import Ranges

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LONGEST_HEADER = 64 * 2**20
"""A vocabulary of 262 thousand with its merges takes about 16 MiB."""
FIRST_READ = 64 * 2**10
LARGEST_READ = 4 * 2**20
MOST_TENSORS = 2**17
MOST_KEYS = 2**14
LONGEST_NAME = 2**16
MOST_DIMENSIONS = 4
LARGEST_TENSOR = 2**60
DEEPEST_ARRAY = 4

COUNTS = struct.Struct("<IQQ")
KIND = struct.Struct("<I")


class Tensor(Struct, frozen=True, array_like=True):
    """One tensor, as the header describes it."""

    name: str
    shape: tuple[int, ...]
    """As ggml counts: the length of a row first."""
    type: str
    bytes: int
    offset: int
    """From the beginning of the data."""

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


class Gguf(Struct, frozen=True, kw_only=True, tag="gguf"):
    """The header of one file, or of all parts of a model."""

    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    header_bytes: int
    """Where the data begins."""
    data_bytes: int
    """Padded, as it lies in the file."""

    def number(self, key: str) -> int | None:
        """An integer of the metadata; None where it is absent or no integer."""
        found = self.metadata.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def text(self, key: str) -> str | None:
        """A string of the metadata; None where it is absent or no string."""
        found = self.metadata.get(key)
        return found if isinstance(found, str) else None

    def array(self, key: str) -> Array | None:
        """An array of the metadata; None where it is absent or no array."""
        found = self.metadata.get(key)
        return found if isinstance(found, Array) else None


def read(parts: Sequence[Ranges]) -> Gguf:
    """The header of a model; of several parts the first has the metadata. Raises HeaderError."""
    headers = [read_part(part) for part in parts]
    told = headers[0].number("split.count")
    if told is not None and told != len(parts):
        raise HeaderError(f"{parts[0].name} is one of {told} parts, and {len(parts)} are given")
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise HeaderError(f"{parts[0].name} names a tensor twice")
    return Gguf(
        metadata=headers[0].metadata,
        tensors=tensors,
        header_bytes=sum(header.header_bytes for header in headers),
        data_bytes=sum(header.data_bytes for header in headers),
    )


def is_gguf(source: Ranges) -> bool:
    """Whether a file begins as a GGUF does; some tools keep them without the suffix."""
    try:
        return source.read(0, len(MAGIC)) == MAGIC
    except HeaderError:
        return False


def read_part(source: Ranges) -> Gguf:
    """The header of one file, be it a whole model's or a part's. Raises HeaderError."""
    cursor = _Cursor(source)
    if (magic := cursor.take(len(MAGIC))) != MAGIC:
        raise HeaderError(f"{source.name} is no GGUF: it begins with {magic!r}, not {MAGIC!r}")
    version, tensors, keys = COUNTS.unpack(cursor.take(COUNTS.size))
    if version not in VERSIONS:
        kind = " (of a big-endian machine?)" if version % 2**16 == 0 else ""
        raise HeaderError(f"{source.name} is GGUF version {version}{kind}; 2 and 3 can be read")
    cursor.bound("tensors", tensors, MOST_TENSORS)
    cursor.bound("metadata keys", keys, MOST_KEYS)
    metadata: dict[str, Value] = {}
    for _ in range(keys):
        name = cursor.name()
        if name in metadata:
            raise HeaderError(f"{source.name} has the key {name!r} twice")
        metadata[name] = cursor.value(KIND.unpack(cursor.take(KIND.size))[0])
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise HeaderError(f"{source.name}: an alignment of {alignment!r}; a power of 2 is allowed")
    infos = tuple(_tensor(cursor, alignment) for _ in range(tensors))
    begin = _padded(cursor.at, alignment)
    data_bytes = max((each.offset + _padded(each.bytes, alignment) for each in infos), default=0)
    _check_end(source, begin, infos)
    return Gguf(metadata=metadata, tensors=infos, header_bytes=begin, data_bytes=data_bytes)


def _tensor(cursor: _Cursor, alignment: int) -> Tensor:
    name = cursor.name()
    (count,) = KIND.unpack(cursor.take(KIND.size))
    cursor.bound(f"dimensions of {name}", count, MOST_DIMENSIONS)
    shape = struct.unpack(f"<{count}Q", cursor.take(8 * count))
    number, offset = PLACE.unpack(cursor.take(PLACE.size))
    cursor.bound(f"values of {name}", prod(shape), LARGEST_TENSOR)
    cursor.bound(f"bytes before {name}", offset, LARGEST_TENSOR)
    kind = TYPES.get(number)
    if kind is None:
        raise HeaderError(f"{cursor.source.name}: {name} is of type {number}, unknown here")
    row = shape[0] if shape else 1
    if row % kind.block_values or offset % alignment:
        raise HeaderError(
            f"{cursor.source.name}: {name} has rows of {row} at offset {offset}, which "
            f"{kind.name} and an alignment of {alignment} do not allow"
        )
    return Tensor(
        name, shape, kind.name, prod(shape) // kind.block_values * kind.block_bytes, offset
    )


def _check_end(source: Ranges, begin: int, infos: Sequence[Tensor]) -> None:
    size = source.size()
    end = begin + max((each.offset + each.bytes for each in infos), default=0)
    if infos and end > size:
        raise HeaderError(f"{source.name} is cut short: {size} bytes of {end}")


class _Cursor:
    """Reads on and on, in ever larger blocks, and keeps what it read."""

    def __init__(self, source: Ranges) -> None:
        self.source = source
        self.at = 0
        self._data = bytearray()
        self._size = source.size()
        self._next_read = FIRST_READ

    def bound(self, what: str, found: int, most: int) -> None:
        """Raise HeaderError where a count cannot be true."""
        if found > most:
            raise HeaderError(f"{self.source.name}: {found} {what}; at most {most} can be")

    def take(self, length: int) -> bytes:
        """The next bytes. Raises HeaderError where the file ends before."""
        begin, self.at = self.at, self._passed(self.at, length)
        return bytes(self._data[begin : self.at])

    def name(self) -> str:
        """A string of the length a name may have."""
        (length,) = LENGTH.unpack(self.take(LENGTH.size))
        self.bound("bytes in a name", length, LONGEST_NAME)
        return self._text(length)

    def value(self, kind: int) -> Value:
        """A value of the metadata."""
        if kind == STRING:
            (length,) = LENGTH.unpack(self.take(LENGTH.size))
            return self._text(length)
        if kind == ARRAY:
            of, count = PLACE.unpack(self.take(PLACE.size))
            begin = self.at
            self._pass_items(of, count, 1)
            return Array(of, count, bytes(self._data[begin : self.at]))
        layout = self._layout(kind)
        found: int | float | bool = layout.unpack(self.take(layout.size))[0]
        return found

    def _text(self, length: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise HeaderError(
                f"{self.source.name}: text in its header is no UTF-8 ({error.reason})"
            ) from None

    def _layout(self, kind: int) -> struct.Struct:
        if kind not in SCALARS:
            raise HeaderError(f"{self.source.name}: a value of kind {kind}, unknown here")
        return SCALARS[kind]

    def _pass_items(self, kind: int, count: int, depth: int) -> None:
        """Go past the items of an array; of strings each has to be looked at."""
        if kind == STRING:
            self._pass_strings(count)
        elif kind == ARRAY:
            self.bound("arrays within arrays", depth, DEEPEST_ARRAY - 1)
            self.bound("arrays in an array", count, MOST_KEYS)
            for _ in range(count):
                of, inner = PLACE.unpack(self.take(PLACE.size))
                self._pass_items(of, inner, depth + 1)
        else:
            self.at = self._passed(self.at, count * self._layout(kind).size)

    def _pass_strings(self, count: int) -> None:
        at, data, unpack, size = self.at, self._data, LENGTH.unpack_from, LENGTH.size
        for _ in range(count):
            if len(data) < at + size:
                self._passed(at, size)
            at += size + unpack(data, at)[0]
            if len(data) < at:
                self._passed(at, 0)
        self.at = at

    def _passed(self, at: int, length: int) -> int:
        """The position after this, when it has been read."""
        end = at + length
        if end > LONGEST_HEADER:
            raise HeaderError(
                f"{self.source.name}: a header beyond {LONGEST_HEADER // 2**20} MiB, which no "
                "model needs; is the file damaged?"
            )
        while len(self._data) < end:
            wanted = max(self._next_read, end - len(self._data))
            block = b"" if end > self._size else self.source.read(len(self._data), wanted)
            if not block:
                raise HeaderError(
                    f"{self.source.name} ends within its header, after {self._size} bytes"
                )
            self._data += block
            self._next_read = min(2 * self._next_read, LARGEST_READ)
        return end


def _padded(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment
