"""The header of safetensors files: names, types and shapes of tensors, and never their data.

A file begins with the length of a JSON object, eight bytes, and that object (the format's README).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Any

import msgspec
from msgspec import Struct

from crossbench.errors import HeaderError
from crossbench.headers.source import Ranges

LENGTH = struct.Struct("<Q")
LONGEST_HEADER = 100_000_000
"""The format's own bound."""
BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
}
FLOATS = frozenset({"F16", "BF16", "F32", "F64"})
"""Types that an engine casts to the type it computes in."""


class Tensor(Struct, frozen=True, array_like=True):
    """One tensor, as the header describes it."""

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def values(self) -> int:
        """How many numbers of its type it holds."""
        return prod(self.shape)


class _Entry(Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read(parts: Sequence[Ranges]) -> tuple[Tensor, ...]:
    """The tensors of all files of a model. Raises HeaderError."""
    tensors = tuple(tensor for part in parts for tensor in _read(part))
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise HeaderError(f"{parts[0].name} and the files beside it name a tensor twice")
    return tensors


def _read(source: Ranges) -> list[Tensor]:
    beginning = source.read(0, LENGTH.size)
    if len(beginning) < LENGTH.size:
        raise HeaderError(f"{source.name} is no safetensors file: it has {len(beginning)} bytes")
    (length,) = LENGTH.unpack(beginning)
    if length > LONGEST_HEADER:
        raise HeaderError(
            f"{source.name} is no safetensors file: its header would take {length} bytes"
        )
    text = source.read(LENGTH.size, length)
    if len(text) < length:
        raise HeaderError(f"{source.name} ends within its header, after {len(text)} bytes")
    try:
        entries = msgspec.json.decode(text, type=dict[str, Any])
        entries.pop("__metadata__", None)
        found = {name: msgspec.convert(entry, _Entry) for name, entry in entries.items()}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HeaderError(f"{source.name}: a header that is not safetensors': {error}") from error
    tensors = [_tensor(source, name, entry) for name, entry in found.items()]
    end = LENGTH.size + length + max((e.data_offsets[1] for e in found.values()), default=0)
    size = source.size()
    if end > size:
        raise HeaderError(f"{source.name} is cut short: {size} bytes of {end}")
    return tensors


def _tensor(source: Ranges, name: str, entry: _Entry) -> Tensor:
    begin, end = entry.data_offsets
    bits = BITS.get(entry.dtype)
    if bits is None:
        raise HeaderError(f"{source.name}: {name} is of type {entry.dtype}, unknown here")
    if min(entry.shape, default=0) < 0 or (prod(entry.shape) * bits + 7) // 8 != end - begin:
        raise HeaderError(
            f"{source.name}: {name} of {entry.dtype} and shape {list(entry.shape)} "
            f"does not take the {end - begin} bytes it is given"
        )
    return Tensor(name, entry.dtype, entry.shape, end - begin)
