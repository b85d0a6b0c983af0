"""Where artifacts are, without fetching: quick, and without a network as quick."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.artifacts import disk
from crossbench.artifacts.look import look
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.whereabouts import Absent, Fetchable, Present, Whereabouts, crowded
from tests.artifacts.conftest import GGUFS, MODEL, Fetch, tiny_files
from tests.artifacts.hub import TOKEN, Server

Q4 = "tiny-q4_k_m.gguf"
FILE = f"hf:{GGUFS}/{Q4}"
SIZE = len(tiny_files()[Q4])


def one(found: Mapping[str, Whereabouts]) -> Whereabouts:
    (where,) = found.values()
    return where


def reason(references: Iterable[str], settings: HubSettings) -> str:
    where = one(look(references, settings=settings))
    assert isinstance(where, Absent)
    return where.reason


def test_what_would_be_fetched_is_told_with_its_size_and_fetched_by_nobody(
    hub: Server, settings: HubSettings
) -> None:
    where = one(look([FILE], settings=settings))
    assert isinstance(where, Fetchable)
    assert (where.bytes, where.files, where.commit, where.note) == (SIZE, 1, "2" * 40, None)
    assert where.fits
    assert not hub.requests("resolve")
    assert not settings.cache.exists()


def test_a_disk_that_is_too_small_is_seen(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossbench.artifacts.cache.free", lambda folder: SIZE - 1)
    where = one(look([FILE], settings=settings))
    assert isinstance(where, Fetchable)
    assert where.fits is False


def test_what_was_fetched_is_found_without_asking(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    file, folder = get(FILE), get(f"hf:{MODEL}")
    asked = len(hub.seen)
    assert look([FILE, f"hf:{MODEL}"], settings=settings) == {
        FILE: Present(str(file.path), file.commit),
        f"hf:{MODEL}": Present(str(folder.path), folder.commit),
    }
    assert len(hub.seen) == asked


def test_a_tokenizer_that_is_here_does_not_pass_for_the_weights(
    get: Fetch, settings: HubSettings
) -> None:
    get(f"hf:{MODEL}", purpose="tokenizer")
    assert isinstance(one(look([f"hf:{MODEL}"], settings=settings)), Fetchable)
    found = one(look([f"hf:{MODEL}"], purpose="tokenizer", settings=settings))
    assert isinstance(found, Present)


def test_what_cannot_be_had_is_told_with_its_reason(hub: Server, settings: HubSettings) -> None:
    assert "did you mean" in reason([f"hf:{GGUFS}/tiny-q4.gguf"], settings)
    assert "no repository lab/none" in reason(["hf:lab/none"], settings)
    assert "HF_HUB_OFFLINE" in reason([FILE], replace(settings, offline=True))


def test_a_gate_is_seen_before_anything_is_fetched(
    hub: Server, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[GGUFS].gated = True
    assert "accept its licence" in reason([FILE], settings)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert isinstance(one(look([FILE], settings=settings)), Fetchable)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_a_hub_out_of_reach_is_no_error(settings: HubSettings, endpoint: str) -> None:
    where = one(look([FILE], settings=replace(settings, endpoint=endpoint)))
    assert isinstance(where, Fetchable)
    assert (where.bytes, where.fits) == (None, None)
    assert endpoint in (where.note or "")


@pytest.mark.parametrize("status", [404, 503])
def test_a_hub_that_is_not_itself_is_no_error(
    hub: Server, settings: HubSettings, status: int
) -> None:
    hub.status("/api/", status)
    where = one(look([FILE], settings=settings))
    assert isinstance(where, Fetchable)
    assert str(status) in (where.note or "")
    assert len(hub.seen) == 1


def test_a_network_that_hangs_costs_one_wait_for_all_artifacts(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolving a name may take minutes, and nothing bounds it."""
    released = threading.Event()
    monkeypatch.setattr("crossbench.artifacts.question.ask", lambda *_: released.wait(20))
    references = [f"hf:lab/model-{number}" for number in range(5)]
    began = time.monotonic()
    found = look(references, settings=settings, patience_s=0.4)
    assert time.monotonic() - began < 1.5
    released.set()
    assert list(found) == references
    for where in found.values():
        assert isinstance(where, Fetchable)
        assert "did not answer within 0.4 s" in (where.note or "")


def test_answers_come_in_the_order_of_the_questions(
    get: Fetch, settings: HubSettings, tmp_path: Path
) -> None:
    get(FILE)
    references = ["hf:lab/none", str(tmp_path), FILE, f"hf:{MODEL}"]
    assert list(look(references, settings=settings)) == references


def test_the_hub_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    code = "from crossbench.artifacts.settings import hub_settings; print(hub_settings())"
    environment = {
        "HF_HOME": str(tmp_path),
        "HF_ENDPOINT": "http://mirror.invalid/",
        "HF_HUB_OFFLINE": "1",
    }
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert "endpoint='http://mirror.invalid'" in said
    assert f"{tmp_path}/hub" in said
    assert "offline=True" in said


def test_looking_at_local_artifacts_imports_no_network() -> None:
    code = (
        "import sys\nfrom crossbench.artifacts.look import look\n"
        "import crossbench.artifacts.fetch, crossbench.artifacts.identify\n"
        "import crossbench.artifacts.overrides, crossbench.artifacts.tokenizer\n"
        "look(['/nowhere', 'ollama:a', 'lmstudio:a/b'])\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'huggingface_hub', 'httpx2', 'httpx', 'requests', 'tqdm'}))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert said.strip() == "[]"


def test_room_is_measured_where_a_folder_would_be_made(tmp_path: Path) -> None:
    assert disk.free(tmp_path / "not" / "yet") == pytest.approx(disk.free(tmp_path), rel=0.01)


def test_what_fits_one_by_one_may_not_fit_together() -> None:
    def fetchable(size: int | None) -> Fetchable:
        return Fetchable(bytes=size, files=1, free=50_000_000_000, commit=None, note=None)

    found: dict[str, Whereabouts] = {
        "a": fetchable(42_000_000_000),
        "b": fetchable(None),
        "c": Absent("gone"),
    }
    assert crowded(found) is None
    assert crowded({}) is None
    said = crowded(found | {"d": fetchable(40_000_000_000)})
    assert "takes 82.0 GB, and 50.0 GB are free" in (said or "")
