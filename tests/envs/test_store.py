from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock

from crossbench.envs import store
from crossbench.envs.store import Inputs, Record
from crossbench.errors import EnvironmentFailure, InputError
from tests.envs.conftest import Told

INPUTS = Inputs(
    backend="tiny",
    variant="cpu",
    requirements=("a", "b"),
    overrides=(),
    build_settings={"a": {"x": "1", "y": "2"}},
    wheels_serve=False,
    python=">=3.11",
    python_tag="cpython-311",
    platform="linux-x86_64",
)


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSBENCH_ENVS", str(tmp_path / "envs"))


def finished(inputs: Inputs = INPUTS) -> Record:
    record = Record(inputs=inputs, key=inputs.key, built_at="now", how="wheel", versions={"a": "1"})
    python = store.interpreter(inputs.folder)
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    store.write(inputs.folder, record)
    return record


def test_the_key_ignores_the_order_of_settings_and_nothing_else() -> None:
    turned = msgspec.structs.replace(INPUTS, build_settings={"a": {"y": "2", "x": "1"}})
    assert turned.key == INPUTS.key

    for field, value in {
        "backend": "other",
        "variant": "gpu",
        "requirements": ("b", "a"),
        "overrides": ("c",),
        "build_settings": {"a": {"x": "2", "y": "2"}},
        "wheels_serve": True,
        "python": ">=3.12",
        "python_tag": "cpython-313t",
        "platform": "linux-aarch64",
        "format": 2,
    }.items():
        assert msgspec.structs.replace(INPUTS, **{field: value}).key != INPUTS.key, field


def test_a_record_is_read_back_as_it_was_written() -> None:
    assert store.read(INPUTS.folder) is None
    record = finished()
    assert store.read(INPUTS.folder) == record
    assert [path.name for path in INPUTS.folder.iterdir() if path.is_file()] == [store.RECORD]


def test_the_list_tells_finished_from_unfinished() -> None:
    assert store.stored() == ()
    record = finished()
    broken = msgspec.structs.replace(INPUTS, variant="gpu").folder
    broken.mkdir()
    (store.root() / "overlays").mkdir()

    listed = {entry.folder: entry.record for entry in store.stored()}

    assert listed == {INPUTS.folder: record, broken: None}


def test_an_environment_is_removed_by_its_name() -> None:
    finished()
    (INPUTS.folder / "data").write_bytes(b"x" * 10_000)
    assert store.size_bytes(INPUTS.folder) >= 10_000

    assert store.remove(INPUTS.folder.name) == INPUTS.folder

    assert store.stored() == ()
    with pytest.raises(InputError, match=r"no environment 'tiny'; there are: none is built"):
        store.remove("tiny")


@pytest.mark.parametrize("name", ["..", "locks", "."])
def test_only_environments_can_be_removed(name: str) -> None:
    finished()
    (store.root() / "locks").mkdir()

    with pytest.raises(InputError, match=rf"there are: {INPUTS.folder.name}"):
        store.remove(name)


def test_an_environment_being_built_is_not_removed() -> None:
    finished()
    locks = store.make_folder(store.root() / "locks")
    with (
        FileLock(locks / f"{INPUTS.folder.name}.lock"),
        pytest.raises(EnvironmentFailure, match="is being built by another process"),
    ):
        store.remove(INPUTS.folder.name)
    assert len(store.stored()) == 1


def test_a_waiter_gives_up_at_its_deadline(told: Told) -> None:
    locks = store.make_folder(store.root() / "locks")
    with (
        FileLock(locks / f"{INPUTS.folder.name}.lock"),
        pytest.raises(EnvironmentFailure, match="another process is still building tiny-cpu-"),
        store.locked(INPUTS.folder, told, time.monotonic() + 0.3),
    ):
        pytest.fail("the lock was not held")
    assert "waiting for it" in told.lines[0]


def test_the_lock_is_free_again_afterwards(told: Told) -> None:
    def hold() -> None:
        with store.locked(INPUTS.folder, told, time.monotonic() + 5):
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    time.sleep(0.1)
    with store.locked(INPUTS.folder, told, time.monotonic() + 5):
        pass
    thread.join()
