"""The metadata of a GGUF, and files that lie about it."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.artifacts.gguf import ELEMENTS, is_gguf, read_metadata
from crossbench.errors import InputError
from tests.artifacts.makers import ARRAY, STRING, gguf, header, text, typed
from tests.conftest import TINY

HUGE = (1 << 63) - 1


def test_values_of_every_kind_are_read(tmp_path: Path) -> None:
    metadata = {"a": 1, "b": -2.5, "c": True, "d": "Grüße", "e": ["x", ""], "f": [1, 2], "g": [0.5]}
    for version in (2, 3):
        assert read_metadata(gguf(tmp_path / "m.gguf", metadata, version)) == metadata


@pytest.mark.parametrize(
    ("kind", "form", "value"),
    [
        (0, "B", 255),
        (1, "b", -128),
        (2, "H", 65535),
        (3, "h", -32768),
        (4, "I", 2**32 - 1),
        (5, "i", -(2**31)),
        (6, "f", 0.25),
        (7, "?", True),
        (10, "Q", 2**64 - 1),
        (11, "q", -(2**63)),
        (12, "d", 0.1),
    ],
)
def test_each_type_number_is_its_own(tmp_path: Path, kind: int, form: str, value: object) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(header(1) + text("k") + struct.pack("<I" + form, kind, value))
    assert read_metadata(file) == {"k": value}


def test_the_tiny_models_files_are_read() -> None:
    metadata = read_metadata(TINY / "tiny-f16.gguf")
    tokens = metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    assert metadata["general.architecture"] == "llama"
    assert len(tokens) == 2048


LIES = {
    "not a gguf": b"GGML" + b"\0" * 100,
    "empty": b"",
    "version 1": header(0, 1),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "no entries behind their count": header(1),
    "more entries than can be": header(HUGE),
    "a key longer than the file": header(1) + struct.pack("<Q", HUGE) + b"k",
    "text longer than the file": header(1) + text("k") + struct.pack("<IQ", STRING, 1 << 40),
    "no utf-8": header(1) + text("k") + struct.pack("<IQ", STRING, 1) + b"\xff",
    "an unknown type": header(1) + text("k") + struct.pack("<I", 99),
    "a list of an unknown type": header(1) + text("k") + struct.pack("<IIQ", ARRAY, 13, 1),
    "a list of lists": header(1) + text("k") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + b"\0" * 99,
    "a list longer than the file": header(1) + text("k") + struct.pack("<IIQ", ARRAY, 4, 1 << 20),
    "a list without end": header(1) + text("k") + struct.pack("<IIQ", ARRAY, 0, HUGE),
    "a key twice": header(2) + (text("k") + typed(1)) * 2,
    "cut within a number": header(1) + text("k") + struct.pack("<I", 10) + b"\0\0",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_is_refused_without_being_believed(tmp_path: Path, lie: str) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(LIES[lie])
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="no sound GGUF"):
            read_metadata(file)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_large_file_makes_no_lie_true(tmp_path: Path) -> None:
    """What would fit into the file is still bounded by what metadata can need."""
    file = tmp_path / "m.gguf"
    for kind, claimed in ((ARRAY, ELEMENTS + 1), (STRING, 600 << 20)):
        inner = struct.pack("<I", 0) if kind == ARRAY else b""
        file.write_bytes(header(1) + text("k") + struct.pack("<I", kind) + inner)
        with file.open("ab") as stream:
            stream.write(struct.pack("<Q", claimed))
            stream.truncate(700 << 20)
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match="is read"):
                read_metadata(file)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


@given(st.data())
def test_no_damage_makes_the_reader_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.gguf"
    gguf(file, {"a": 1, "b": ["x", "y"], "c": [1.0], "d": "text", "e": True})
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(InputError):
        read_metadata(file)


def test_what_cannot_be_read_is_an_error_of_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_metadata(tmp_path / "gone.gguf")


def test_a_gguf_is_known_by_its_beginning(tmp_path: Path) -> None:
    assert is_gguf(TINY / "tiny-f16.gguf")
    assert not is_gguf(TINY / "model.safetensors")
    assert not is_gguf(tmp_path / "gone")
