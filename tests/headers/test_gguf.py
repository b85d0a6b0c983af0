"""GGUF headers: true ones, sharded ones, and ones that lie."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.errors import HeaderError
from crossbench.headers import gguf
from crossbench.headers.gguf_values import Array
from crossbench.headers.source import LocalFile
from tests.conftest import TINY
from tests.fit.written import (
    ARRAY,
    BOOL,
    F32,
    STRING,
    U32,
    Model,
    gguf_fields,
    gguf_tensors,
    value,
    write_gguf,
)
from tests.fit.written import gguf as write

GGUF = TINY / "tiny-q4_k_m.gguf"


class Bytes:
    """A file in memory."""

    name = "memory"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, start: int, length: int) -> bytes:
        return self._data[start : start + length]

    def size(self) -> int:
        return len(self._data)


def header(keys: bytes = b"", infos: bytes = b"", *, count: int = 0, tensors: int = 0) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", 3, tensors, count) + keys + infos


def key(name: str, kind: int, content: bytes) -> bytes:
    return value(STRING, name) + struct.pack("<I", kind) + content


def info(name: str, *shape: int, kind: int = 0, offset: int = 0) -> bytes:
    return (
        value(STRING, name)
        + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        + struct.pack("<IQ", kind, offset)
    )


def refused(data: bytes) -> str:
    with pytest.raises(HeaderError) as error:
        gguf.read([Bytes(data)])
    return str(error.value)


def test_metadata_and_tensors_are_read() -> None:
    found = gguf.read([LocalFile(GGUF)])
    assert found.text("general.architecture") == "llama"
    assert found.number("llama.block_count") == 4
    assert found.metadata["tokenizer.ggml.add_bos_token"] is True
    assert found.metadata["llama.rope.freq_base"] == 10000.0
    assert found.header_bytes + found.data_bytes == GGUF.stat().st_size
    embedding = next(each for each in found.tensors if each.name == "token_embd.weight")
    assert (embedding.shape, embedding.values) == ((256, 2048), 256 * 2048)


def test_a_tokenizer_s_arrays_are_decoded_when_asked() -> None:
    found = gguf.read([LocalFile(GGUF)])
    tokens, types = found.array("tokenizer.ggml.tokens"), found.array("tokenizer.ggml.token_type")
    assert tokens is not None
    assert types is not None
    assert len(list(tokens)) == len(tokens) == 2048
    assert set(types) <= {1, 2, 3, 4, 5, 6}


def test_kinds_are_told_apart(tmp_path: Path) -> None:
    fields = {
        "general.architecture": (STRING, "x"),
        "a": (U32, 7),
        "b": (F32, 0.5),
        "c": (BOOL, False),
        "d": (ARRAY, (ARRAY, [(U32, [1, 2]), (STRING, ["one", "two"])])),
    }
    path = tmp_path / "m.gguf"
    write_gguf(path, fields, {})
    found = gguf.read([LocalFile(path)])
    assert (found.number("a"), found.number("b"), found.number("c")) == (7, None, None)
    nested = found.array("d")
    assert nested is not None
    assert list(nested) == [1, 2, "one", "two"]
    assert (found.text("a"), found.array("a")) == (None, None)


@pytest.mark.parametrize(
    ("kind", "form", "content"),
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
def test_each_type_number_is_its_own(kind: int, form: str, content: object) -> None:
    for version in (2, 3):
        data = header(key("k", kind, struct.pack(f"<{form}", content)), count=1)
        data = data[:4] + struct.pack("<I", version) + data[8:]
        assert gguf.read_part(Bytes(data)).metadata == {"k": content}


def test_text_is_utf_8() -> None:
    assert gguf.read_part(Bytes(header(key("k", STRING, value(STRING, "Grüße")), count=1))).text(
        "k"
    ) == ("Grüße")
    broken = struct.pack("<Q", 1) + b"\xff"
    assert "no UTF-8" in refused(header(key("k", STRING, broken), count=1))
    listed = gguf.read_part(
        Bytes(header(key("k", ARRAY, struct.pack("<IQ", STRING, 1) + broken), count=1))
    ).array("k")
    assert listed is not None
    with pytest.raises(UnicodeDecodeError):
        list(listed)


def test_a_key_is_there_once() -> None:
    assert "twice" in refused(header(key("k", BOOL, b"\1") * 2, count=2))


def test_a_gguf_is_known_by_its_beginning(tmp_path: Path) -> None:
    assert gguf.is_gguf(LocalFile(GGUF))
    assert not gguf.is_gguf(LocalFile(TINY / "model.safetensors"))
    assert not gguf.is_gguf(LocalFile(tmp_path / "gone"))


def test_parts_are_one_model(tmp_path: Path) -> None:
    model = Model(layers=2)
    tensors = gguf_tensors(model, lambda _: "f16")
    names = list(tensors)
    split = {"split.count": (U32, 2), **gguf_fields(model)}
    first, second = tmp_path / "m-00001-of-00002.gguf", tmp_path / "m-00002-of-00002.gguf"
    write_gguf(first, split, {name: tensors[name] for name in names[:5]})
    write_gguf(second, {"split.count": (U32, 2)}, {name: tensors[name] for name in names[5:]})
    whole = gguf.read([LocalFile(write(tmp_path / "whole.gguf", model))])
    found = gguf.read([LocalFile(first), LocalFile(second)])
    assert {t.name: t.bytes for t in found.tensors} == {t.name: t.bytes for t in whole.tensors}
    with pytest.raises(HeaderError, match="one of 2 parts, and 1 are given"):
        gguf.read([LocalFile(first)])


def test_a_file_that_is_no_gguf_is_said() -> None:
    assert "begins with b'\\x08\\x00\\x00\\x00'" in refused(b"\x08\0\0\0" + b"{" * 100)
    assert "version 1;" in refused(struct.pack("<4sIQQ", b"GGUF", 1, 0, 0))
    assert "big-endian" in refused(struct.pack(">4sIQQ", b"GGUF", 3, 0, 0))


def test_lies_about_counts_are_bounded() -> None:
    assert "tensors; at most" in refused(header(tensors=2**60))
    assert "metadata keys; at most" in refused(header(count=2**60))
    endless = key("a", ARRAY, struct.pack("<IQ", U32, 2**62))
    assert "beyond 64 MiB" in refused(header(endless, count=1))
    long = key("a", STRING, struct.pack("<Q", 2**63))
    assert "beyond 64 MiB" in refused(header(long, count=1))
    many = key("a", ARRAY, struct.pack("<IQ", STRING, 2**62))
    assert "ends within its header" in refused(header(many, count=1))
    deep = key("a", ARRAY, struct.pack("<IQ", ARRAY, 1) * 10 + b"\0" * 99)
    assert "arrays within arrays" in refused(header(deep, count=1))


LONG = 48 * 2**20


@pytest.mark.parametrize(
    "content", [struct.pack("<Q", LONG), struct.pack("<IQ", STRING, LONG), b""], ids=len
)
def test_a_lie_takes_no_memory(tmp_path: Path, content: bytes) -> None:
    """Not where the file ends before, either."""
    kind = ARRAY if len(content) > 8 else STRING
    path = tmp_path / "m.gguf"
    path.write_bytes(header(key("k", kind, content), count=1))
    tracemalloc.start()
    try:
        with pytest.raises(HeaderError, match="ends within its header"):
            gguf.read([LocalFile(path)])
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_lies_about_tensors_are_bounded() -> None:
    assert "values of t" in refused(header(infos=info("t", 2**40, 2**40), tensors=1))
    assert "dimensions of t" in refused(header(infos=info("t", 1, 1, 1, 1, 1), tensors=1))
    assert "type 99" in refused(header(infos=info("t", 32, kind=99), tensors=1))
    assert "rows of 33" in refused(header(infos=info("t", 33, kind=8), tensors=1))
    assert "offset 5" in refused(header(infos=info("t", 32, offset=5), tensors=1))
    assert "cut short" in refused(header(infos=info("t", 32), tensors=1))
    twice = info("t", 0) + info("t", 0)
    assert "twice" in refused(header(infos=twice, tensors=2) + b"\0" * 64)


@pytest.mark.parametrize("alignment", [0, 3, 33])
def test_an_alignment_is_a_power_of_two(alignment: int) -> None:
    told = key("general.alignment", U32, struct.pack("<I", alignment))
    assert "power of 2" in refused(header(told, count=1))


def test_every_cut_is_noticed() -> None:
    whole = GGUF.read_bytes()
    begin = gguf.read([LocalFile(GGUF)]).header_bytes
    for end in [*range(0, 300, 7), *range(300, begin, 997), len(whole) - 1]:
        refused(whole[:end])


@pytest.mark.fuzz
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=12))
def test_whatever_is_changed_there_is_a_header_or_one_error(place: int, change: bytes) -> None:
    data = bytearray(DATA)
    data[place : place + len(change)] = change
    try:
        found = gguf.read([Bytes(bytes(data))])
    except HeaderError:
        return
    for content in found.metadata.values():
        if isinstance(content, Array):
            assert len(list(content)) >= 0


def _data() -> bytes:
    fields = {
        **gguf_fields(Model(layers=1, vocabulary=32, hidden=32, feed_forward=32)),
        "tokens": (ARRAY, (STRING, ["one", "two", "three"])),
        "pairs": (ARRAY, (ARRAY, [(U32, [1, 2]), (STRING, ["a"])])),
    }
    keys = b"".join(
        key(name, kind, value(kind, content)) for name, (kind, content) in fields.items()
    )
    infos = b"".join(info(f"blk.{n}.w", 32, 2, offset=256 * n) for n in range(8))
    return header(keys, infos, count=len(fields), tensors=8) + b"\0" * 4096


DATA = _data()
