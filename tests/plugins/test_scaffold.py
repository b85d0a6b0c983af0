"""`crossbench plugins new` writes a package that works, and is clean, as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tomli

from crossbench.errors import InputError
from crossbench.plugins.scaffold import HIDDEN, TEMPLATE, scaffold
from tests.plugins.conftest import Site

NAMES = ["x", "my-engine", "a1-b2-engine-of-thirty-letters"]
BIN = Path(sys.executable).parent


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_package_bears_its_name_everywhere(tmp_path: Path, name: str) -> None:
    made = scaffold(name, tmp_path)
    module = name.replace("-", "_")
    assert made.folder == tmp_path / f"crossbench-{name}"
    project = tomli.loads((made.folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"crossbench.v1": {name: f"crossbench_{module}.plugin"}}
    written = {str(file.relative_to(made.folder)) for file in made.folder.rglob("*.*")}
    assert {".github/workflows/check.yml", f"src/crossbench_{module}/py.typed"} <= written
    for file in made.folder.rglob("*"):
        assert "standin" not in file.name
        assert file.is_dir() or "standin" not in file.read_text().lower()


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_linted_and_formatted(tmp_path: Path, name: str) -> None:
    folder = scaffold(name, tmp_path).folder
    run(folder, "ruff", "check", "--no-cache")
    run(folder, "ruff", "format", "--check", "--no-cache")


@pytest.mark.slow
def test_a_package_is_typed(tmp_path: Path) -> None:
    run(scaffold("my-engine", tmp_path).folder, "mypy")


def test_the_three_places_are_marked(tmp_path: Path) -> None:
    made = scaffold("mine", tmp_path)
    files = [place.partition(":")[0].rpartition("/")[2] for place in made.places]
    assert files == ["plugin.py", "options.py", "engine.py"]
    for place in made.places:
        file, line, _ = place.split(":", 2)
        assert "# FILL IN" in (made.folder / file).read_text().splitlines()[int(line) - 1]


def test_the_prefix_is_not_doubled(tmp_path: Path) -> None:
    assert scaffold("crossbench-mine", tmp_path).name == "mine"


@pytest.mark.parametrize("name", ["", "Mine", "1mine", "a--b", "a-", "../up", "a b", "a" * 31])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name for a plugin; allowed"):
        scaffold(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "crossbench-mine" / "kept"
    kept.parent.mkdir()
    kept.touch()
    with pytest.raises(InputError, match="is there already"):
        scaffold("mine", tmp_path)
    assert list(kept.parent.iterdir()) == [kept]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*: Not a directory"):
        scaffold("mine", tmp_path / "file")


def test_caches_of_the_template_are_left_behind(tmp_path: Path) -> None:
    """Linting the template leaves hidden folders in it; its own hidden files are named openly."""
    assert all((TEMPLATE / name).is_file() for name in HIDDEN)
    hidden = {path for path in scaffold("mine", tmp_path).files if path.startswith(".")}
    assert hidden == set(HIDDEN.values())


@pytest.mark.slow
def test_a_package_passes_its_check_as_it_stands(site: Site) -> None:
    made = site.crossbench("plugins", "new", "mine", "--into", "src")
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("fill in") == 3
    site.install(site.folder / "src" / "crossbench-mine")
    done = site.crossbench("plugins", "check", "mine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
    assert "ok      backend mine: token-counts-are-exact" in done.stdout
