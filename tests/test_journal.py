from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.journal.events import CellFailed, Event, RunEnded
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.reader import read_events, read_manifest
from crossbench.journal.writer import Journal

FAILED = CellFailed(launch="b1-a", scenario="s", kind="crash", phase="streaming", message="gone")
ENDED = RunEnded(utc="2026-01-01T00:00:00Z", outcome="complete")


def written(folder: Path, *events: Event) -> Path:
    with Journal(folder, new=True) as journal:
        for event in events:
            journal.append(event)
    return folder / JOURNAL


def test_events_come_back_in_order(tmp_path: Path) -> None:
    written(tmp_path, FAILED, ENDED)
    assert list(read_events(tmp_path)) == [FAILED, ENDED]


def test_an_event_is_on_disk_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    with Journal(tmp_path, new=True) as journal:
        journal.append(FAILED)
        assert list(read_events(tmp_path)) == [FAILED]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_survived(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, FAILED, ENDED)
    path.write_bytes(path.read_bytes()[:-cut])
    kept = list(read_events(tmp_path))
    assert kept == ([FAILED, ENDED] if cut == 1 else [FAILED])


def test_damage_in_the_middle_is_named_by_line(tmp_path: Path) -> None:
    path = written(tmp_path, FAILED, ENDED)
    path.write_bytes(b'{"event":"CellFa\n' + path.read_bytes())
    with pytest.raises(InputError, match=r"journal\.jsonl:1 is damaged"):
        list(read_events(tmp_path))


def test_an_unknown_event_is_named(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"event":"Coffee"}\n')
    with pytest.raises(InputError, match="Coffee"):
        list(read_events(tmp_path))


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, new=True),
        pytest.raises(InputError, match="being written by another run"),
    ):
        Journal(tmp_path, new=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        Journal(tmp_path / "file" / "run", new=True)


def test_a_newer_manifest_is_refused_by_its_version(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"schema": 4, "whatever": []}')
    with pytest.raises(InputError, match="newer than this crossbench"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', '{"schema": "one"}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        read_manifest(tmp_path)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        read_manifest(tmp_path)


def test_a_new_run_needs_a_folder_without_one(tmp_path: Path) -> None:
    written(tmp_path, FAILED)
    with pytest.raises(InputError, match="already holds a run"):
        Journal(tmp_path, new=True)
    with Journal(tmp_path, new=False):
        pass


@pytest.mark.parametrize("torn", [b"{", b"x" * 200_000])
def test_a_torn_line_is_removed_before_anything_is_added(tmp_path: Path, torn: bytes) -> None:
    path = written(tmp_path, FAILED)
    path.write_bytes(path.read_bytes() + torn)
    with Journal(tmp_path, new=False) as journal:
        journal.append(ENDED)
    assert list(read_events(tmp_path)) == [FAILED, ENDED]


def test_a_journal_that_is_one_torn_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"y" * 200_000)
    with Journal(tmp_path, new=False) as journal:
        journal.append(ENDED)
    assert list(read_events(tmp_path)) == [ENDED]
