"""A hub on loopback that serves the tiny model, and a cache of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from crossbench.artifacts.fetch import Fetched, fetch
from crossbench.artifacts.patience import Patience
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.whereabouts import Purpose
from tests.artifacts.hub import Repository, Server, running
from tests.conftest import TINY

QUICK = Patience(tries=3, first_wait_s=0.01, longest_wait_s=1.5, answer_s=2, deadline_s=20)
MODEL = "lab/tiny"
GGUFS = "lab/tiny-gguf"


class Told:
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, text: str) -> None:
        self.lines.append(text)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, done: int, total: int) -> None: ...

    def finished(self, text: str) -> None:
        self.lines.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@cache
def tiny_files() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(TINY.iterdir()) if file.is_file()}


def repositories() -> dict[str, Repository]:
    files = tiny_files()
    ggufs = {name: data for name, data in files.items() if name.endswith(".gguf")}
    model = {name: data for name, data in files.items() if name not in ggufs}
    parts = files["tiny-q4_k_m.gguf"]
    shards = {
        f"parts/tiny-{index:05}-of-00002.gguf": data
        for index, data in ((1, parts[:1_500_000]), (2, parts[1_500_000:]))
    }
    return {
        MODEL: Repository(
            model
            | {
                "pytorch_model.bin": b"\x80old",
                "original/consolidated.00.pth": b"older",
                "tiny-q4_k_m.gguf": ggufs["tiny-q4_k_m.gguf"],
            }
        ),
        GGUFS: Repository(ggufs | shards | {"README.md": b"# tiny"}, commit="2" * 40),
    }


@pytest.fixture(scope="package", autouse=True)
def session() -> Iterator[None]:
    """One client for all, around whatever proxy this machine has; it leaves no connection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        close_session()
        yield
        close_session()


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's token, caches or models."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OLLAMA_MODELS", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[Server]:
    with running() as server:
        server.repositories = repositories()
        yield server


@pytest.fixture
def settings(hub: Server, tmp_path: Path) -> HubSettings:
    return HubSettings(endpoint=hub.url, cache=tmp_path / "hub")


@pytest.fixture
def told() -> Told:
    return Told()


Fetch = Callable[..., Fetched]


@pytest.fixture
def get(settings: HubSettings, told: Told) -> Fetch:
    """`fetch` from the hub on loopback, impatiently."""

    def fetched(
        written: str,
        purpose: Purpose = "weights",
        patience: Patience = QUICK,
        settings: HubSettings = settings,
    ) -> Fetched:
        return fetch(written, told, purpose=purpose, settings=settings, patience=patience)

    return fetched
