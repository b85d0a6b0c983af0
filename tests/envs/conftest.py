"""A store, a folder of packages and a cache of its own for each test; no index is ever asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossbench.api import BackendSpec, EnvSpec
from tests.envs.packages import add_wheel


class Told:
    """A `Progress` that remembers."""

    def __init__(self) -> None:
        self.starts: list[str] = []
        self.lines: list[str] = []
        self.steps: list[tuple[int, int]] = []
        self.ends: list[str] = []

    def started(self, text: str) -> None:
        self.starts.append(text)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def finished(self, text: str) -> None:
        self.ends.append(text)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One line for each build from source: the backend's pid and its CMAKE_ARGS."""
    file = tmp_path / "trace"
    file.touch()
    monkeypatch.setenv("TINY_TRACE", str(file))
    return file


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trace: Path) -> Path:
    """The only place where packages come from: told to pip alone, as a user would."""
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "links"
    folder.mkdir()
    add_wheel(folder, "msgspec", "0.20.0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("CROSSBENCH_ENVS", str(tmp_path / "envs"))
    return folder


def backend(**environments: EnvSpec) -> BackendSpec:
    return BackendSpec(
        name="tiny",
        factory="crossbench.testing.null:NullEngine",
        options="crossbench.testing.null:NullOptions",
        distributions=("tinyengine", "crossbench"),
        environments=environments,
        capabilities=frozenset(),
    )


ENGINE = EnvSpec(requirements=("tinyengine==1.0",))
