"""Damaged run folders: whatever the bytes, a report or one message, and no file outside."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.errors import InputError
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.reader import read_events
from crossbench.report.write import write
from crossbench.run.history import History
from tests.conftest import SuiteWriter

pytestmark = [pytest.mark.fuzz, pytest.mark.slow]


@pytest.fixture
def run(suite: SuiteWriter, store: Path, tmp_path: Path) -> Path:
    path = suite(
        {"one": "", "bad": 'fault = "crash", fault_on = 2'},
        protocol="launches = 2\nrepeats = 2\nwarmups = 1",
    )
    folder = tmp_path / "result"
    command = [sys.executable, "-m", "crossbench", "run", str(path), "--out", str(folder)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    return folder


def survives(folder: Path) -> None:
    """A report is written, or the user is told what is wrong."""
    before = _files(folder)
    with suppress(InputError):
        write(folder)
    with suppress(InputError):
        History(read_events(folder))
    assert _files(folder) == before


def _files(folder: Path) -> list[Path]:
    """All but the charts, of which a damaged run may have fewer."""
    charts = folder / "charts"
    return [path for path in sorted(folder.parent.rglob("*")) if charts not in path.parents]


def mutated(data: st.DataObject, original: bytes) -> bytes:
    """The original with some bytes cut, doubled, or replaced."""
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(len(original), start + 400)))
    replacement = data.draw(
        st.one_of(
            st.binary(max_size=40),
            st.just(original[start:end] * 2),
            st.sampled_from([b"null", b"-1", b"1e999", b'""', b"[]", b"{}", b"9" * 30, b"\n", b""]),
        )
    )
    return original[:start] + replacement + original[end:]


def test_a_journal_of_any_bytes(run: Path) -> None:
    original = (run / JOURNAL).read_bytes()

    @given(st.data())
    def check(data: st.DataObject) -> None:
        (run / JOURNAL).write_bytes(mutated(data, original))
        survives(run)

    check()


def test_a_manifest_of_any_bytes(run: Path) -> None:
    original = (run / MANIFEST).read_bytes()

    @given(st.data())
    def check(data: st.DataObject) -> None:
        (run / MANIFEST).write_bytes(mutated(data, original))
        survives(run)

    check()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.lists(st.integers(-5, 5), max_size=4),
)


def test_a_journal_whose_values_are_others(run: Path) -> None:
    """Every line stays JSON; one value somewhere in it is another, or gone."""
    lines = [json.loads(line) for line in (run / JOURNAL).read_text().splitlines()]

    @given(st.data())
    def check(data: st.DataObject) -> None:
        altered = json.loads(json.dumps(lines))
        node = altered[data.draw(st.integers(0, len(altered) - 1))]
        while True:
            key = data.draw(st.sampled_from(sorted(node)))
            inside = node[key]
            if not (isinstance(inside, dict) and inside and data.draw(st.booleans())):
                break
            node = inside
        if data.draw(st.booleans()):
            node[key] = data.draw(VALUES)
        else:
            del node[key]
        (run / JOURNAL).write_text("".join(json.dumps(line) + "\n" for line in altered))
        survives(run)

    check()
