"""Bytes of files here, by range."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.errors import HeaderError
from crossbench.headers.source import LocalFile
from tests.conftest import TINY

GGUF = TINY / "tiny-f16.gguf"


def test_a_range_is_read_and_no_more() -> None:
    assert LocalFile(GGUF).read(0, 4) == b"GGUF"
    assert LocalFile(GGUF).read(1, 2) == b"GU"


def test_beyond_the_end_there_is_nothing() -> None:
    size = LocalFile(GGUF).size()
    assert size == GGUF.stat().st_size
    assert LocalFile(GGUF).read(size, 4) == b""
    assert len(LocalFile(GGUF).read(size - 3, 100)) == 3


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    absent = LocalFile(tmp_path / "absent")
    with pytest.raises(HeaderError, match="absent: No such file"):
        absent.read(0, 1)
    with pytest.raises(HeaderError, match="No such file"):
        absent.size()
