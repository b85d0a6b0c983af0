from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
import tomli

import crossbench
from crossbench.api import BackendSpec
from crossbench.envs import overlay
from crossbench.envs.interpreter import Interpreter
from crossbench.errors import EnvironmentFailure
from tests.envs.conftest import ENGINE, backend


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of importable packages of the host."""
    monkeypatch.setenv("CROSSBENCH_ENVS", str(tmp_path / "envs"))
    folder = tmp_path / "host"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def plugin(factory: str, options: str = "crossbench.testing.null:NullOptions") -> BackendSpec:
    return msgspec.structs.replace(backend(cpu=ENGINE), factory=factory, options=options)


def links(folder: Path) -> dict[str, Path]:
    return {entry.name: entry.readlink() for entry in folder.iterdir()}


def test_it_links_crossbench_and_the_plugin_without_importing_it(host: Path) -> None:
    (host / "cb_tiny").mkdir()
    (host / "cb_tiny/__init__.py").write_text("raise SystemExit('imported')")
    (host / "cb_options.py").write_text("raise SystemExit('imported')")

    folder = overlay.lay(plugin("cb_tiny.engine:Tiny", "cb_options:Options"))

    assert links(folder) == {
        "crossbench": Path(crossbench.__file__).parent,
        "cb_tiny": host / "cb_tiny",
        "cb_options.py": host / "cb_options.py",
    }
    assert "cb_tiny" not in sys.modules


def test_equal_overlays_are_one_folder_and_a_moved_plugin_gets_another(
    host: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (host / "cb_moving").mkdir()
    (host / "cb_moving/__init__.py").touch()
    spec = plugin("cb_moving:Tiny")
    first = overlay.lay(spec)
    assert overlay.lay(spec) == first

    moved = tmp_path / "moved"
    moved.mkdir()
    (host / "cb_moving").rename(moved / "cb_moving")
    monkeypatch.syspath_prepend(moved)

    assert links(overlay.lay(spec))["cb_moving"] == moved / "cb_moving"


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(EnvironmentFailure, match=r"package 'cb_nowhere' of backend tiny"):
        overlay.lay(plugin("cb_nowhere.engine:Tiny"))


def test_what_the_worker_needs_is_what_the_project_declares() -> None:
    project = Path(crossbench.__file__).parents[1] / "pyproject.toml"
    declared = tomli.loads(project.read_text())["project"]["dependencies"]

    assert set(overlay.WORKER_REQUIREMENTS) <= set(declared)


@pytest.mark.parametrize(
    ("versions", "lacks"),
    [({}, True), ({"msgspec": "0.19.0"}, True), ({"msgspec": "0.20.0"}, False)],
)
def test_an_interpreter_lacks_what_is_missing_or_too_old(
    versions: dict[str, str], lacks: bool
) -> None:
    given = Interpreter(version="3.11.0", tag="cpython-311", versions=versions)

    assert overlay.lacks_requirements(given) is lacks
