"""Every answer of a hub that is not what was asked for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.artifacts.settings import HubSettings
from crossbench.errors import ArtifactFailure
from tests.artifacts.conftest import GGUFS, MODEL, QUICK, Fetch, Told, tiny_files
from tests.artifacts.hub import TOKEN, Handler, Server, sha256

Q4 = "tiny-q4_k_m.gguf"
FILE = f"hf:{GGUFS}/{Q4}"
SIZE = len(tiny_files()[Q4])


def incomplete(settings: HubSettings) -> list[Path]:
    return list(settings.cache.rglob("*.incomplete"))


def refused(get: Fetch, written: str = FILE) -> str:
    with pytest.raises(ArtifactFailure) as error:
        get(written)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_401_of_a_repository_that_is_not_there_or_private(get: Fetch) -> None:
    said = refused(get, "hf:lab/secret")
    assert "no repository lab/secret that you may see (401)" in said
    assert "hf auth login" in said


def test_401_of_a_wrong_token(get: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not accept the token (401: Invalid credentials" in refused(get)


def test_a_token_that_is_none_is_not_sent(
    get: Fetch, hub: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_süß")
    assert "characters that no token has" in refused(get)
    assert not hub.seen


def test_a_gated_repository_says_where_to_accept_what(get: Fetch, hub: Server) -> None:
    hub.repositories[GGUFS].gated = True
    said = refused(get)
    assert f"accept its licence at {hub.url}/{GGUFS}" in said
    assert "hf auth login" in said


def test_403_of_a_gate_that_has_not_opened(
    get: Fetch, hub: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.status("/resolve/", 403, x_error_code="GatedRepo")
    said = refused(get)
    assert "this account has not been given access (403)" in said
    assert "accept its licence" in said


def test_403_of_any_other_kind_is_told_as_the_hub_tells_it(get: Fetch, hub: Server) -> None:
    hub.status("/resolve/", 403, x_error_message="Access to this resource is disabled.")
    assert "403: Access to this resource is disabled." in refused(get)


def test_404_of_a_revision(get: Fetch) -> None:
    assert "no revision 'v9' (404)" in refused(get, f"hf:{GGUFS}@v9/{Q4}")


def test_404_of_a_repository(get: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "no repository lab/nothing that you may see (404)" in refused(get, "hf:lab/nothing")


def test_a_file_that_the_repository_does_not_have(get: Fetch) -> None:
    said = refused(get, f"hf:{GGUFS}/tiny-q4_k_s.gguf")
    assert "did you mean 'tiny-q4_k_m.gguf'?" in said
    assert "tiny-q8_0.gguf" in said


def test_a_folder_in_place_of_a_file_suggests_what_is_in_it(get: Fetch) -> None:
    said = refused(get, f"hf:{GGUFS}/parts")
    assert "did you mean 'parts/tiny-00001-of-00002.gguf'?" in said


def test_404_of_a_file_that_is_listed(get: Fetch, hub: Server) -> None:
    hub.status("/resolve/", 404, x_error_code="EntryNotFound")
    assert "does not have the file (404)" in refused(get)


def test_a_repository_of_ggufs_wants_one_named(get: Fetch) -> None:
    said = refused(get, f"hf:{GGUFS}")
    assert f"such as hf:{GGUFS}/parts/tiny-00001-of-00002.gguf" in said
    assert Q4 in said
    assert "00002-of-00002" not in said


def test_a_later_part_and_a_lost_one(get: Fetch, hub: Server) -> None:
    said = refused(get, f"hf:{GGUFS}/parts/tiny-00002-of-00002.gguf")
    assert "name the first one, parts/tiny-00001-of-00002.gguf" in said
    del hub.repositories[GGUFS].files["parts/tiny-00002-of-00002.gguf"]
    said = refused(get, f"hf:{GGUFS}/parts/tiny-00001-of-00002.gguf")
    assert "lacks parts of this model: parts/tiny-00002-of-00002.gguf" in said


def test_a_repository_without_weights_or_tokenizer_says_what_it_has(
    get: Fetch, hub: Server
) -> None:
    files = hub.repositories[MODEL].files
    hub.repositories[MODEL].files = {"pytorch_model.bin": files["pytorch_model.bin"]}
    assert "neither safetensors nor GGUF files, only pytorch_model.bin" in refused(
        get, f"hf:{MODEL}"
    )
    with pytest.raises(ArtifactFailure, match=r'no tokenizer\.json; .*tokenizer = "artifact"'):
        get(f"hf:{MODEL}", purpose="tokenizer")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/", status) for status in (408, 429, 500, 502, 503, 504)]
    + [("/resolve/", 429), ("/cdn/", 503)],
)
def test_a_hub_that_recovers_is_waited_for_and_that_is_told(
    get: Fetch, hub: Server, told: Told, status: int, path: str
) -> None:
    hub.status(path, status, times=2)
    assert sha256(get(FILE).path.read_bytes()) == sha256(tiny_files()[Q4])
    assert f"({status})" in told.text
    assert "trying again in 0 s (2 of 2)" in told.text


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_does_not_recover_is_given_up(get: Fetch, hub: Server, status: int) -> None:
    hub.status("/api/", status)
    assert f"({status})" in (said := refused(get))
    assert "(3 times in a row); try again later" in said
    assert len(hub.seen) == QUICK.tries


def test_the_wait_that_a_hub_asks_for_is_kept(get: Fetch, hub: Server) -> None:
    hub.status("/api/", 429, times=1, retry_after="1")
    began = time.monotonic()
    get(FILE)
    assert time.monotonic() - began >= 1


def test_a_wait_of_an_hour_is_told_and_not_kept(get: Fetch, hub: Server) -> None:
    hub.status("/api/", 429, retry_after="3600")
    began = time.monotonic()
    assert "asks to wait for 3600 s" in refused(get)
    assert time.monotonic() - began < 5


def test_a_file_that_stops_half_way_goes_on_from_there(get: Fetch, hub: Server, told: Told) -> None:
    hub.half_after = 1_200_000
    found = get(FILE, patience=replace(QUICK, tries=2))
    assert found.path.read_bytes() == tiny_files()[Q4]
    assert [seen.range for seen in hub.requests("/cdn/")] == [
        f"bytes={start}-{SIZE - 1}" for start in (0, 1_200_000, 2_400_000)
    ]
    assert "fell silent" in told.text
    assert hub.sent == SIZE


def test_an_interrupted_run_leaves_its_part_to_the_next(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    hub.half_after = 1_000_000
    with pytest.raises(ArtifactFailure):
        get(FILE, patience=replace(QUICK, tries=1))
    (part,) = incomplete(settings)
    assert part.stat().st_size == 1_000_000
    hub.half_after = None
    assert get(FILE).path.read_bytes() == tiny_files()[Q4]
    assert hub.requests("/cdn/")[-1].range == f"bytes=1000000-{SIZE - 1}"
    assert not incomplete(settings)


def test_a_hub_that_always_stops_early_is_given_up(get: Fetch, hub: Server) -> None:
    hub.half_after = 1000
    assert "3 times in a row" in refused(get)


def test_a_hub_that_ends_early_without_a_word_is_given_up(get: Fetch, hub: Server) -> None:
    def short(handler: Handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"x" * 1000)
        handler.cut()
        return True

    hub.fault("/cdn/", short)
    assert f"ended {Q4} early (3 times in a row)" in refused(get)
    assert len(hub.requests("/cdn/")) == QUICK.tries


def test_a_hub_that_ignores_ranges_is_begun_again(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    hub.half_after = 1_200_000
    with pytest.raises(ArtifactFailure):
        get(FILE, patience=replace(QUICK, tries=1))
    hub.half_after, hub.ignores_ranges = None, True
    assert get(FILE).path.read_bytes() == tiny_files()[Q4]


def test_a_damaged_part_is_noticed_and_all_of_it_fetched(
    get: Fetch, hub: Server, settings: HubSettings, told: Told
) -> None:
    hub.half_after = 1_200_000
    with pytest.raises(ArtifactFailure):
        get(FILE, patience=replace(QUICK, tries=1))
    hub.half_after = None
    (part,) = incomplete(settings)
    part.write_bytes(b"x" * 1_200_000)
    assert get(FILE).path.read_bytes() == tiny_files()[Q4]
    assert "was damaged; fetching all" in told.text


def test_a_part_that_is_longer_than_the_file_is_begun_again(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    hub.half_after = 1_200_000
    with pytest.raises(ArtifactFailure):
        get(FILE, patience=replace(QUICK, tries=1))
    hub.half_after = None
    (part,) = incomplete(settings)
    part.write_bytes(b"x" * (SIZE + 1))
    assert get(FILE).path.read_bytes() == tiny_files()[Q4]


@pytest.mark.parametrize("name", [Q4, "README.md"])
def test_a_wrong_hash_is_never_accepted(
    get: Fetch, hub: Server, settings: HubSettings, name: str
) -> None:
    right = hub.repositories[GGUFS].files[name]
    hub.repositories[GGUFS].served[name] = right[:-1] + b"!"
    said = refused(get, f"hf:{GGUFS}/{name}")
    assert "is not what the hub lists: its hash is" in said
    assert not incomplete(settings)
    assert not list(settings.cache.rglob(name))
    hub.repositories[GGUFS].served.clear()
    assert get(f"hf:{GGUFS}/{name}").path.read_bytes() == right


@pytest.mark.parametrize("ignores_ranges", [False, True])
@pytest.mark.parametrize("change", [-1000, 1000])
def test_a_wrong_length_is_never_accepted(
    get: Fetch, hub: Server, settings: HubSettings, change: int, ignores_ranges: bool
) -> None:
    hub.ignores_ranges = ignores_ranges
    data = hub.repositories[GGUFS].files[Q4]
    hub.repositories[GGUFS].served[Q4] = data + b"x" * change if change > 0 else data[:change]
    said = refused(get)
    assert f"lists {Q4} with {SIZE} bytes and sends {SIZE + change}" in said
    assert not list(settings.cache.rglob(Q4))


def test_more_than_was_said_is_not_written_to_the_disk(
    get: Fetch, hub: Server, settings: HubSettings
) -> None:
    def endless(handler: Handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(100):
                handler.wfile.write(b"x" * 1_000_000)
        except OSError:
            pass
        return True

    hub.fault("/cdn/", endless)
    assert f"{SIZE} bytes and sends more" in refused(get)
    assert sum(path.stat().st_size for path in incomplete(settings)) == 0


def test_bytes_from_elsewhere_in_the_file_are_refused(get: Fetch, hub: Server) -> None:
    def shifted(handler: Handler) -> bool:
        handler.answer(206, b"xyz", {"Content-Range": f"bytes 5-7/{SIZE}"})
        return True

    hub.fault("/cdn/", shifted)
    assert "from byte 0, the hub sent 'bytes 5-7/" in refused(get)


def test_a_hub_that_falls_silent_is_not_waited_for_long(get: Fetch, hub: Server) -> None:
    def silent(handler: Handler) -> bool:
        handler.server.released.wait(20)
        handler.cut()
        return True

    hub.fault("/api/", silent)
    began = time.monotonic()
    with pytest.raises(ArtifactFailure, match="fell silent"):
        get(FILE, patience=replace(QUICK, tries=2, answer_s=0.3))
    assert time.monotonic() - began < 5


def test_a_hub_that_drips_is_given_up(get: Fetch, hub: Server, settings: HubSettings) -> None:
    """Something comes within every wait for an answer, and yet it would never be whole."""

    def drip(handler: Handler) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(SIZE))
        handler.end_headers()
        while not handler.server.released.wait(0.02):
            handler.wfile.write(b"x" * 100)
        return True

    hub.fault("/cdn/", drip)
    with pytest.raises(ArtifactFailure, match=r"came too slowly, .* \(2 times in a row\)"):
        get(FILE, patience=replace(QUICK, tries=2, stall_s=0.2))


def test_the_deadline_ends_a_fetch_that_never_would(get: Fetch, hub: Server) -> None:
    hub.status("/api/", 503)
    patience = replace(QUICK, tries=1000, first_wait_s=0.2, deadline_s=0.5)
    with pytest.raises(ArtifactFailure, match="no time left"):
        get(FILE, patience=patience)


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_what_answers_in_a_hubs_stead_is_told(get: Fetch, hub: Server, status: int) -> None:
    hub.status("/api/", status)
    assert f"what answers at {hub.url} is no hub" in refused(get)


@pytest.mark.parametrize("sha", ["../../../etc", "1" * 39, ""])
def test_a_commit_that_is_none_makes_no_folder(get: Fetch, hub: Server, sha: str) -> None:
    hub.repositories[GGUFS].commit = sha
    assert "is no hub" in refused(get)


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("http://127.0.0.1:9", "refused"),
        ("http://nowhere.invalid", "cannot be reached"),
        ("nowhere", "is no hub's address"),
    ],
)
def test_a_hub_that_cannot_be_reached(
    get: Fetch, settings: HubSettings, endpoint: str, says: str
) -> None:
    with pytest.raises(ArtifactFailure, match=says):
        get(FILE, settings=replace(settings, endpoint=endpoint))
