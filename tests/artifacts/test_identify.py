"""Which bytes were measured, and that nobody waits twice for the answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossbench.artifacts.digest import Digests
from crossbench.artifacts.identify import identify
from crossbench.errors import ArtifactFailure
from tests.artifacts.conftest import Told
from tests.artifacts.hub import sha256
from tests.conftest import TINY


@pytest.fixture
def digests(tmp_path: Path) -> Digests:
    return Digests(tmp_path / "sha256")


def changed_unseen(file: Path, data: bytes) -> None:
    """Other content, but the same size and time."""
    stat = file.stat()
    assert len(data) == stat.st_size
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_file_and_a_directory_are_what_their_bytes_are(told: Told) -> None:
    file = TINY / "tiny-q4_k_m.gguf"
    assert identify(file, told).sha256 == sha256(file.read_bytes())
    read = sorted(f for f in TINY.iterdir() if f.suffix in (".safetensors", ".json"))
    lines = "".join(f"{sha256(f.read_bytes())}  {f.name}\n" for f in read)
    found = identify(TINY, told)
    assert (found.files, found.sha256) == (len(read), sha256(lines.encode()))


def test_a_model_in_parts_is_all_of_them(tmp_path: Path, told: Told) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(b"one")
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"three")
    found = identify(first, told)
    lines = f"{sha256(b'one')}  {first.name}\n{sha256(b'three')}  m-00002-of-00002.gguf\n"
    assert (found.name, found.files, found.bytes) == (first.name, 2, 8)
    assert found.sha256 == sha256(lines.encode())


def test_a_file_of_the_same_size_and_time_is_not_read_again(
    tmp_path: Path, told: Told, digests: Digests
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"first")
    first = identify(file, told, digests=digests)
    changed_unseen(file, b"other")
    assert identify(file, told, digests=digests) == first


def test_a_file_of_another_time_size_or_place_is_read(
    tmp_path: Path, told: Told, digests: Digests
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"first")
    identify(file, told, digests=digests)
    time = file.stat().st_mtime_ns
    for data, later in ((b"other", 1), (b"longer", 0)):
        file.write_bytes(data)
        os.utime(file, ns=(time, time + later))
        assert identify(file, told, digests=digests).sha256 == sha256(data)
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(b"copied")
    os.utime(copy, ns=(time, time))
    assert identify(copy, told, digests=digests).sha256 == sha256(b"copied")


@pytest.mark.parametrize("damage", [b"", b"{", b'{"path": 1}', b"\xff\xfe", b"[]"])
def test_a_damaged_memory_is_no_error(
    tmp_path: Path, told: Told, digests: Digests, damage: bytes
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"first")
    before = identify(file, told, digests=digests)
    (remembered,) = (tmp_path / "sha256").iterdir()
    remembered.write_bytes(damage)
    changed_unseen(file, b"other")
    after = identify(file, told, digests=digests)
    assert (before.sha256, after.sha256) == (sha256(b"first"), sha256(b"other"))


def test_a_memory_that_cannot_be_written_is_no_error(tmp_path: Path, told: Told) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"first")
    digests = Digests(file / "impossible")
    assert identify(file, told, digests=digests).sha256 == sha256(b"first")


def test_a_link_is_remembered_as_what_it_leads_to(
    tmp_path: Path, told: Told, digests: Digests
) -> None:
    file, link = tmp_path / "m.gguf", tmp_path / "link.gguf"
    file.write_bytes(b"first")
    link.symlink_to(file)
    identify(link, told, digests=digests)
    changed_unseen(file, b"other")
    assert identify(file, told, digests=digests).sha256 == sha256(b"first")


@pytest.mark.parametrize("form", ["{}", "sha256-{}"])
def test_a_blob_that_is_not_what_its_name_says_is_damaged(
    tmp_path: Path, told: Told, form: str
) -> None:
    blob = tmp_path / form.format(sha256(b"right"))
    blob.write_bytes(b"right")
    assert identify(blob, told).sha256 == sha256(b"right")
    blob.write_bytes(b"wrong!")
    with pytest.raises(ArtifactFailure, match="damaged"):
        identify(blob, told)


def test_a_file_that_grows_meanwhile_is_no_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: Digests
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"first")

    class Growing(Told):
        def line(self, text: str) -> None:
            with file.open("ab") as stream:
                stream.write(b"x")

    monkeypatch.setattr("crossbench.artifacts.meter.INTERVAL_S", 0)
    with pytest.raises(ArtifactFailure, match="changed while it was read"):
        identify(file, Growing(), digests=digests)


def test_a_large_file_is_told_while_it_is_read(
    told: Told, monkeypatch: pytest.MonkeyPatch, digests: Digests
) -> None:
    monkeypatch.setattr("crossbench.artifacts.meter.INTERVAL_S", 0)
    identify(TINY / "tiny-q8_0.gguf", told, digests=digests)
    assert told.lines[0] == "hashing tiny-q8_0.gguf: 4.2 MB of 4.5 MB"


def test_the_record_may_have_another_name(told: Told, tmp_path: Path) -> None:
    file = tmp_path / ("a" * 40)
    file.write_bytes(b"first")
    assert identify(file, told, name="hf:a/b").name == "hf:a/b"


def test_what_cannot_be_read_is_an_error_of_the_system(tmp_path: Path, told: Told) -> None:
    with pytest.raises(OSError, match="No such file"):
        identify(tmp_path / "gone.gguf", told)
