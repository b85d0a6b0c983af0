"""What comes from a hub, what does not, and what lies where afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from filelock import FileLock
from huggingface_hub import hf_hub_download, snapshot_download
from msgspec.structs import replace

from crossbench.artifacts import disk
from crossbench.artifacts.fetch import TRIES_IN_DOUBT
from crossbench.artifacts.identify import identify
from crossbench.artifacts.settings import HubSettings
from crossbench.errors import ArtifactFailure
from tests.artifacts.conftest import GGUFS, MODEL, QUICK, Fetch, Told, tiny_files
from tests.artifacts.hub import TOKEN, Repository, Server, sha256

Q4 = "tiny-q4_k_m.gguf"
COMMIT = "2" * 40


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_fetched_whole_and_found_by_huggingface_hub(
    get: Fetch, settings: HubSettings, told: Told
) -> None:
    found = get(f"hf:{GGUFS}/{Q4}")
    assert found.path.read_bytes() == tiny_files()[Q4]
    assert found.commit == COMMIT
    assert found.files == (found.path,)
    theirs = hf_hub_download(GGUFS, Q4, cache_dir=settings.cache, local_files_only=True)
    assert found.path.samefile(theirs)
    assert told.lines[0] == f"fetching hf:{GGUFS}/{Q4}: 2.7 MB in 1 file"
    assert "at commit 222222222222" in told.lines[-1]


def test_of_a_repository_comes_what_engines_read(get: Fetch, settings: HubSettings) -> None:
    found = get(f"hf:{MODEL}")
    assert names(found.path) == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    for file in found.files:
        assert file.read_bytes() == tiny_files()[file.name]
    theirs = snapshot_download(MODEL, cache_dir=settings.cache, local_files_only=True)
    assert found.path.samefile(theirs)


def test_a_tokenizer_comes_without_the_weights(get: Fetch, hub: Server) -> None:
    found = get(f"hf:{MODEL}", purpose="tokenizer")
    assert "tokenizer.json" in names(found.path)
    assert "model.safetensors" not in names(found.path)
    assert hub.sent < 1_000_000


def test_a_repository_may_hold_nothing_but_a_tokenizer(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    files = {"tokenizer.json": tiny_files()["tokenizer.json"]}
    hub.repositories["lab/tokenizer"] = Repository(files)
    online = get("hf:lab/tokenizer", purpose="tokenizer")
    offline = replace(settings, offline=True)
    assert get("hf:lab/tokenizer", purpose="tokenizer", settings=offline) == online


def test_tokenizer_and_weights_of_one_repository_share_a_folder(get: Fetch, hub: Server) -> None:
    tokenizer = get(f"hf:{MODEL}", purpose="tokenizer")
    weights = get(f"hf:{MODEL}")
    assert tokenizer.path == weights.path
    assert len(hub.requests("resolve")) == 5


def test_a_model_in_parts_comes_with_all_of_them(get: Fetch) -> None:
    found = get(f"hf:{GGUFS}/parts/tiny-00001-of-00002.gguf")
    assert [file.name for file in found.files] == [
        "tiny-00001-of-00002.gguf",
        "tiny-00002-of-00002.gguf",
    ]
    assert found.path == found.files[0]
    assert b"".join(file.read_bytes() for file in found.files) == tiny_files()[Q4]


def test_what_was_fetched_is_not_fetched_again(get: Fetch, hub: Server) -> None:
    first = get(f"hf:{GGUFS}/{Q4}")
    sent = hub.sent
    assert get(f"hf:{GGUFS}/{Q4}") == first
    assert hub.sent == sent


def test_a_pinned_revision_that_is_here_asks_nobody(get: Fetch, hub: Server) -> None:
    get(f"hf:{GGUFS}@{COMMIT}/{Q4}")
    asked = len(hub.seen)
    assert get(f"hf:{GGUFS}@{COMMIT}/{Q4}").commit == COMMIT
    assert len(hub.seen) == asked


def test_a_branch_that_moved_is_fetched_anew(get: Fetch, hub: Server) -> None:
    before = get(f"hf:{GGUFS}/README.md")
    hub.repositories[GGUFS].commit = "3" * 40
    hub.repositories[GGUFS].files["README.md"] = b"# new"
    after = get(f"hf:{GGUFS}/README.md")
    assert (before.path.read_bytes(), after.path.read_bytes()) == (b"# tiny", b"# new")
    assert after.commit == "3" * 40
    assert get(f"hf:{GGUFS}@{COMMIT}/README.md") == before


def test_offline_takes_what_is_here(get: Fetch, settings: HubSettings, hub: Server) -> None:
    online = get(f"hf:{GGUFS}@v1/{Q4}")
    asked = len(hub.seen)
    assert get(f"hf:{GGUFS}@v1/{Q4}", settings=replace(settings, offline=True)) == online
    assert len(hub.seen) == asked


def test_offline_says_so_of_what_is_not_here(
    get: Fetch, settings: HubSettings, hub: Server
) -> None:
    with pytest.raises(ArtifactFailure, match="HF_HUB_OFFLINE is set"):
        get(f"hf:{GGUFS}/{Q4}", settings=replace(settings, offline=True))
    assert not hub.seen


def test_half_a_repository_is_not_taken_for_a_whole_one(get: Fetch, settings: HubSettings) -> None:
    found = get(f"hf:{MODEL}")
    (found.path / "model.safetensors").unlink()
    with pytest.raises(ArtifactFailure, match="not wholly"):
        get(f"hf:{MODEL}", settings=replace(settings, offline=True))


def test_a_repository_that_lacks_a_part_of_its_index_is_not_whole(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    index = b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "other.safetensors"}}'
    hub.repositories["lab/two"] = Repository(
        {
            "config.json": b"{}",
            "model.safetensors.index.json": index,
            "model-00001-of-00002.safetensors": b"one",
            "model-00002-of-00002.safetensors": b"two",
            "other.safetensors": b"three",
        }
    )
    offline = replace(settings, offline=True)
    found = get("hf:lab/two")
    assert get("hf:lab/two", settings=offline) == found
    for name in ("other.safetensors", "model-00002-of-00002.safetensors"):
        (found.path / name).rename(found.path / "away")
        with pytest.raises(ArtifactFailure, match="not wholly"):
            get("hf:lab/two", settings=offline)
        (found.path / "away").rename(found.path / name)


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_hub_out_of_reach_is_no_error_where_something_is_here(
    get: Fetch, hub: Server, told: Told, status: int
) -> None:
    online = get(f"hf:{GGUFS}/{Q4}")
    hub.status("/api/", status)
    assert get(f"hf:{GGUFS}/{Q4}") == online
    assert f"taking what main was before, {COMMIT}" in told.text
    assert len(hub.requests("/api/")) <= 1 + TRIES_IN_DOUBT < 1 + QUICK.tries


def test_what_is_here_does_not_pass_for_a_new_commit_that_would_not_come(
    get: Fetch, hub: Server
) -> None:
    get(f"hf:{GGUFS}/{Q4}")
    hub.repositories[GGUFS].commit = "3" * 40
    hub.repositories[GGUFS].files[Q4] = b"x" * 2_000_000
    hub.status("/cdn/", 503)
    with pytest.raises(ArtifactFailure, match="503"):
        get(f"hf:{GGUFS}/{Q4}")


def test_the_token_goes_to_the_hub_and_to_nobody_else(
    get: Fetch, hub: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repositories[GGUFS].private = True
    get(f"hf:{GGUFS}/{Q4}")
    assert {seen.token for seen in hub.seen if "cdn" not in seen.path} == {TOKEN}
    assert {seen.token for seen in hub.requests("/cdn/")} == {None}


def test_mistrals_second_copy_of_its_weights_stays_there(get: Fetch, hub: Server) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"w", "consolidated.safetensors": b"w2"}
    hub.repositories["lab/twice"] = Repository(files)
    assert names(get("hf:lab/twice").path) == {"config.json", "model.safetensors"}
    del hub.repositories["lab/twice"].files["model.safetensors"]
    hub.repositories["lab/twice"].commit = "9" * 40
    assert "consolidated.safetensors" in names(get("hf:lab/twice").path)


def test_a_listing_cannot_write_outside_of_the_cache(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"w", "../../evil.json": b"!"}
    hub.repositories["lab/evil"] = Repository(files)
    get("hf:lab/evil")
    assert not list(settings.cache.parent.rglob("evil.json"))


def test_a_name_that_no_file_can_have_is_left_out(get: Fetch, hub: Server) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"w", "bad\0.json": b"!"}
    hub.repositories["lab/odd"] = Repository(files)
    assert names(get("hf:lab/odd").path) == {"config.json", "model.safetensors"}


def test_two_that_fetch_the_same_wait_for_each_other(
    get: Fetch, settings: HubSettings, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossbench.artifacts.blob.LOCK_S", 0.05)
    locks = settings.cache / ".locks" / "models--lab--tiny-gguf"
    locks.mkdir(parents=True)
    other = FileLock(locks / f"{sha256(tiny_files()[Q4])}.lock", thread_local=False)
    with other, pytest.raises(ArtifactFailure, match="another process has been fetching"):
        get(f"hf:{GGUFS}/{Q4}", patience=replace(QUICK, deadline_s=0.2))
    other.acquire()
    release = threading.Timer(0.3, other.release)
    release.start()
    get(f"hf:{GGUFS}/{Q4}")
    release.join()
    assert "another process is fetching this file; waiting for it" in told.text


def test_too_small_a_disk_is_said_before_anything_is_fetched(
    get: Fetch, hub: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free", lambda folder: 2_000_000)
    with pytest.raises(ArtifactFailure, match=r"2\.7 MB .* has 2\.0 MB free; .*HF_HOME"):
        get(f"hf:{GGUFS}/{Q4}")
    assert not hub.requests("resolve")


def test_only_what_is_missing_has_to_fit(
    get: Fetch, hub: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.half_after = 2_000_000
    with pytest.raises(ArtifactFailure):
        get(f"hf:{GGUFS}/{Q4}", patience=replace(QUICK, tries=1))
    hub.half_after = None
    monkeypatch.setattr(disk, "free", lambda folder: 700_000)
    assert get(f"hf:{GGUFS}/{Q4}").path.stat().st_size == len(tiny_files()[Q4])


def test_a_cache_that_cannot_be_written_is_named(get: Fetch, settings: HubSettings) -> None:
    settings.cache.write_text("in the way")
    with pytest.raises(ArtifactFailure, match=r"cannot be written .*HF_HOME"):
        get(f"hf:{GGUFS}/{Q4}")


def test_what_was_fetched_needs_no_hashing(
    get: Fetch, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossbench.artifacts.meter.INTERVAL_S", 0)
    found = get(f"hf:{GGUFS}/{Q4}")
    told.lines.clear()
    assert identify(found.path, told).sha256 == sha256(tiny_files()[Q4])
    assert not told.lines


def test_a_local_path_is_fetched_by_looking_at_it(get: Fetch, tmp_path: Path) -> None:
    model = tmp_path / "home" / "model.gguf"
    model.parent.mkdir()
    model.write_bytes(b"GGUF")
    assert get("~/model.gguf").path == model
    with pytest.raises(ArtifactFailure, match="does not exist"):
        get("~/other.gguf")
