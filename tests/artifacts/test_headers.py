"""Headers of models that are not here: through ranges, remembered, and refused for a reason."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import platformdirs
import pytest
from msgspec.structs import replace

from crossbench.artifacts import remembered
from crossbench.artifacts.headers import headers
from crossbench.artifacts.look import look
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.whereabouts import Fetchable, Headed
from crossbench.fit.artifact import shape_of
from crossbench.headers.files import read_local
from crossbench.headers.gguf import Gguf
from tests.artifacts.conftest import GGUFS, MODEL, Fetch, tiny_files
from tests.artifacts.hub import Handler, Repository, Server
from tests.conftest import TINY
from tests.fit.written import (
    LLAMA_70B,
    U32,
    Model,
    folder,
    gguf,
    gguf_fields,
    gguf_tensors,
    q4_k_m,
    write_gguf,
)

Q4 = "tiny-q4_k_m.gguf"
FILE = f"hf:{GGUFS}/{Q4}"
PINNED = f"hf:{GGUFS}@{'2' * 40}/{Q4}"
LARGE = f"hf:{GGUFS}/large.gguf"


def read(settings: HubSettings, *references: str, patience_s: float = 8) -> dict[str, object]:
    """What is known of each: a shape, or why none is."""
    places = look(references, settings=settings)
    found = headers(places, settings=settings, patience_s=patience_s)
    return {
        written: shape_of(each.header) if isinstance(each, Headed) else each.reason
        for written, each in found.items()
    }


def reason(settings: HubSettings, written: str = FILE) -> str:
    (found,) = read(settings, written).values()
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("written", "local"), [(FILE, TINY / Q4), (f"hf:{MODEL}", TINY), (str(TINY / Q4), TINY / Q4)]
)
def test_a_model_has_the_same_shape_wherever_it_is(
    hub: Server, settings: HubSettings, written: str, local: Path
) -> None:
    assert read(settings, written) == {written: shape_of(read_local(local))}
    assert not settings.cache.exists()


def test_of_a_large_file_its_header_comes_and_little_more(
    hub: Server, settings: HubSettings, tmp_path: Path
) -> None:
    """A header of several requests, and data of which none is sent."""
    vocabulary = ["word" * 4] * 60_000
    fields = {**gguf_fields(Model()), "tokenizer.ggml.tokens": (9, (8, vocabulary))}
    write_gguf(tmp_path / "m.gguf", fields, gguf_tensors(Model(), lambda _: "f16"))
    data = (tmp_path / "m.gguf").read_bytes()
    hub.repositories[GGUFS].files["large.gguf"] = data + b"\0" * 8_000_000
    (found,) = headers(look([LARGE], settings=settings), settings=settings).values()
    assert isinstance(found, Headed)
    assert isinstance(found.header, Gguf)
    assert len(hub.requests("/cdn/")) > 1
    assert found.header.header_bytes > 1_400_000
    assert hub.sent < 2 * found.header.header_bytes


def test_a_model_in_parts_is_read_from_all_of_them(
    hub: Server, settings: HubSettings, tmp_path: Path
) -> None:
    tensors = gguf_tensors(Model(), lambda _: "f16")
    names = [f"m-{index:05}-of-00002.gguf" for index in (1, 2)]
    split, half = {"split.count": (U32, 2)}, len(tensors) // 2
    parts = [dict(list(tensors.items())[:half]), dict(list(tensors.items())[half:])]
    write_gguf(tmp_path / names[0], split | dict(gguf_fields(Model())), parts[0])
    write_gguf(tmp_path / names[1], split, parts[1])
    hub.repositories["lab/parts"] = Repository(
        {name: (tmp_path / name).read_bytes() for name in names}
    )
    written = f"hf:lab/parts/{names[0]}"
    assert read(settings, written) == {written: shape_of(read_local(tmp_path / names[0]))}


def test_what_was_read_is_remembered_and_nobody_is_asked_again_about_a_pinned_revision(
    hub: Server, settings: HubSettings
) -> None:
    first = read(settings, PINNED)
    asked = len(hub.seen)
    assert read(settings, PINNED) == first
    assert len(hub.seen) == asked
    (where,) = look([PINNED], settings=settings).values()
    assert isinstance(where, Fetchable)
    assert (where.bytes, where.commit) == (len(tiny_files()[Q4]), "2" * 40)


def test_what_is_remembered_is_small(hub: Server, settings: HubSettings, tmp_path: Path) -> None:
    """Its vocabulary is left out, and what 80 layers take is little."""
    path = gguf(tmp_path / "m.gguf", LLAMA_70B, q4_k_m)
    with path.open("rb") as file:
        hub.repositories[GGUFS].files["large.gguf"] = file.read(1 << 20)
    hub.repositories[GGUFS].listed_bytes["large.gguf"] = path.stat().st_size
    store = platformdirs.user_cache_path("crossbench") / "headers"
    read(settings, FILE)
    (tiny,) = store.iterdir()
    whole = read_local(TINY / Q4)
    assert isinstance(whole, Gguf)
    assert tiny.stat().st_size < whole.header_bytes / 4
    assert read(settings, LARGE)[LARGE] == shape_of(read_local(path))
    assert max(kept.stat().st_size for kept in store.iterdir()) < 100_000


def test_without_the_hub_what_was_read_before_will_do(hub: Server, settings: HubSettings) -> None:
    shape = read(settings, FILE)[FILE]
    hub.status("/api/", 503)
    places = look([FILE], settings=settings)
    (found,) = headers(places, settings=settings).values()
    assert isinstance(found, Headed)
    assert (shape_of(found.header), found.note) == (
        shape,
        f"by its header at commit {'2' * 12}, read before",
    )
    offline = replace(settings, offline=True)
    assert read(offline, FILE)[FILE] == shape


def test_offline_says_so_where_nothing_was_read_before(hub: Server, settings: HubSettings) -> None:
    offline = replace(settings, offline=True)
    assert reason(offline) == (
        "its header was never read, and HF_HUB_OFFLINE is set; unset it and plan again"
    )
    read(settings, PINNED)
    (found,) = headers(look([PINNED], settings=offline), settings=offline).values()
    assert isinstance(found, Headed)
    assert found.note is None


def test_a_branch_that_moved_is_read_anew(hub: Server, settings: HubSettings) -> None:
    before = read(settings, FILE)[FILE]
    hub.repositories[GGUFS].files[Q4] = tiny_files()["tiny-q8_0.gguf"]
    hub.repositories[GGUFS].commit = "3" * 40
    after = read(settings, FILE)[FILE]
    assert after != before
    assert after == shape_of(read_local(TINY / "tiny-q8_0.gguf"))


def test_one_hub_is_not_taken_for_another(hub: Server, settings: HubSettings) -> None:
    read(settings, FILE)
    other = replace(settings, endpoint="http://127.0.0.1:9")
    assert "cannot be reached" in reason(other)


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", b"\xc1" * 50])
def test_a_damaged_memory_costs_only_itself(
    hub: Server, settings: HubSettings, damage: bytes
) -> None:
    first = read(settings, PINNED)
    (kept,) = (platformdirs.user_cache_path("crossbench") / "headers").iterdir()
    kept.write_bytes(damage)
    assert read(settings, PINNED) == first


def test_another_version_s_memory_is_not_believed(
    hub: Server, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(settings, PINNED)
    asked = len(hub.seen)
    monkeypatch.setattr(remembered, "VERSION", 99)
    read(settings, PINNED)
    assert len(hub.seen) > asked


@pytest.mark.parametrize(
    ("status", "says"), [(429, "too many requests"), (500, "is not well"), (503, "is not well")]
)
def test_a_hub_that_is_not_well_is_named(
    hub: Server, settings: HubSettings, status: int, says: str
) -> None:
    hub.status("/resolve/", status)
    assert says in reason(settings)
    hub.status("/api/", status)
    assert says in reason(settings)


def test_a_gate_says_what_to_do(hub: Server, settings: HubSettings) -> None:
    hub.repositories[GGUFS].gated = True
    assert "accept its licence" in reason(settings)


def test_403_and_404_say_what_to_do(hub: Server, settings: HubSettings) -> None:
    assert "hf auth login" in reason(settings, "hf:lab/none")
    hub.status("/resolve/", 403, x_error_code="Forbidden", x_error_message="not you")
    assert "refuses this (403: not you)" in reason(settings)


def test_a_file_that_is_no_model_is_said(hub: Server, settings: HubSettings) -> None:
    hub.repositories[GGUFS].files[Q4] = b"no gguf" * 1000
    assert f"hf:{GGUFS}/{Q4} is no GGUF" in reason(settings)


def test_a_server_without_ranges_will_do_for_the_beginning(
    hub: Server, settings: HubSettings
) -> None:
    hub.ignores_ranges = True
    assert read(settings, FILE)[FILE] == shape_of(read_local(TINY / Q4))


def test_another_range_than_asked_is_refused(hub: Server, settings: HubSettings) -> None:
    def shifted(handler: Handler) -> bool:
        handler.answer(206, b"xyz", {"Content-Range": "bytes 5-7/9"})
        return True

    hub.fault("/cdn/", shifted)
    assert "the hub sent 'bytes 5-7/9'" in reason(settings)


def test_an_answer_that_ends_early_is_said(hub: Server, settings: HubSettings) -> None:
    hub.half_after = 1000
    assert "fell silent" in reason(settings)


def test_a_hub_that_falls_silent_on_contents_costs_one_wait(
    hub: Server, settings: HubSettings
) -> None:
    def silent(handler: Handler) -> bool:
        handler.server.released.wait(20)
        handler.cut()
        return True

    hub.fault("/cdn/", silent)
    began = time.monotonic()
    found = read(settings, FILE, f"hf:{MODEL}", patience_s=0.4)
    assert time.monotonic() - began < 10
    for why in found.values():
        assert "did not come" in str(why) or "fell silent" in str(why)


def test_files_of_one_model_are_asked_at_once(
    hub: Server, settings: HubSettings, tmp_path: Path
) -> None:
    """Each answer waits until all have been asked."""
    folder(tmp_path, Model())
    whole = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (name,) = (name for name in whole if name.endswith(".safetensors"))
    copies = {f"model-{index}.safetensors": whole[name] for index in range(3)}
    hub.repositories["lab/many"] = Repository({"config.json": whole["config.json"], **copies})
    meeting = threading.Barrier(4)

    def wait(handler: Handler) -> bool:
        meeting.wait(5)
        return False

    hub.fault("lab/many/resolve", wait, times=4)
    assert "twice" in reason(settings, "hf:lab/many")
    assert not meeting.broken


def test_a_header_that_is_unread_is_not_remembered(hub: Server, settings: HubSettings) -> None:
    hub.status("/resolve/", 503, times=1)
    assert "is not well" in reason(settings)
    assert not isinstance(read(settings, FILE)[FILE], str)


def test_what_is_here_needs_no_hub(get: Fetch, hub: Server, settings: HubSettings) -> None:
    get(FILE)
    asked = len(hub.seen)
    assert read(settings, FILE)[FILE] == shape_of(read_local(TINY / Q4))
    assert read(settings, "/nowhere.gguf")["/nowhere.gguf"] == (
        "the artifact /nowhere.gguf does not exist"
    )
    assert len(hub.seen) == asked
