"""safetensors headers: true ones, and ones that lie."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from crossbench.errors import HeaderError
from crossbench.headers import safetensors
from crossbench.headers.source import LocalFile
from tests.conftest import TINY


def file(path: Path, entries: object, *, data: int = 0, length: int | None = None) -> LocalFile:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    path.write_bytes(
        struct.pack("<Q", len(text) if length is None else length) + text + b"\0" * data
    )
    return LocalFile(path)


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_tensors_are_read() -> None:
    found = safetensors.read([LocalFile(TINY / "model.safetensors")])
    assert sum(tensor.values for tensor in found) == 4_196_608
    assert {tensor.type for tensor in found} == {"F16"}


def test_metadata_is_no_tensor(tmp_path: Path) -> None:
    entries = {"__metadata__": {"format": "pt"}, "t": entry("F32", [2, 3], 0, 24)}
    (tensor,) = safetensors.read([file(tmp_path / "m", entries, data=24)])
    assert (tensor.name, tensor.shape, tensor.bytes) == ("t", (2, 3), 24)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"t": entry("F32", [2, 3], 0, 20)}, "does not take the 20 bytes"),
        ({"t": entry("F32", [-2, -3], 0, 24)}, "does not take"),
        ({"t": entry("X9", [2], 0, 2)}, "type X9, unknown"),
        ({"t": entry("F32", [2**31, 2**31], 0, 2**64)}, "cut short"),
        ({"t": entry("U8", [9], 0, 9)}, "cut short"),
        ({"t": {"dtype": "U8"}}, "no|not safetensors'"),
        ([1, 2], "not safetensors'"),
        (b"\xff\xfe{", "not safetensors'"),
    ],
)
def test_a_header_that_lies_is_refused(entries: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(HeaderError, match=message):
        safetensors.read([file(tmp_path / "m", entries)])


@pytest.mark.parametrize(
    ("length", "message"), [(2**62, "would take"), (10**6, "ends within its header, after 2")]
)
def test_a_length_that_lies_is_refused(length: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(HeaderError, match=message):
        safetensors.read([file(tmp_path / "m", {}, length=length)])


def test_an_empty_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"abc")
    with pytest.raises(HeaderError, match="it has 3 bytes"):
        safetensors.read([LocalFile(tmp_path / "m")])


def test_a_tensor_in_two_files_is_refused(tmp_path: Path) -> None:
    parts = [file(tmp_path / name, {"t": entry("U8", [1], 0, 1)}, data=1) for name in "ab"]
    with pytest.raises(HeaderError, match="twice"):
        safetensors.read(parts)
