"""Plugins installed as packages into a folder of their own, and crossbench beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from crossbench.plugins.scaffold import scaffold
from tests.conftest import ROOT

SAMPLES = ROOT / "tests" / "samples"
UV = str(Path(sys.executable).with_name("uv"))

Edits = Mapping[str, tuple[str, str]]
"""File below the package -> what in it is replaced by what."""


class Site:
    """A folder on crossbench's path that `uv pip install` fills, and what runs with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages = folder / "site"
        self.environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(self.packages), os.environ.get("PYTHONPATH")])
            ),
            "CROSSBENCH_ENVS": str(folder / "envs"),
            "NO_COLOR": "1",
        }

    def install(self, *sources: Path) -> None:
        """Build and install packages, with no network."""
        command = [UV, "pip", "install", "--quiet", "--offline", "--no-deps"]
        command += ["--target", str(self.packages), "--python", sys.executable]
        command += map(str, sources)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def crossbench(self, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
        """The command line with these plugins."""
        return subprocess.run(
            [sys.executable, "-m", "crossbench", *map(str, arguments)],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )


def planted(folder: Path, name: str, edits: Edits) -> Path:
    """A scaffolded package with a defect."""
    made = scaffold(name, folder)
    for path, (old, new) in edits.items():
        file = made.folder / path.replace("MODULE", f"src/crossbench_{name}")
        text = file.read_text()
        assert text.count(old) == 1, (path, old)
        file.write_text(text.replace(old, new))
    return made.folder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Nothing installed yet."""
    return Site(tmp_path)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One for all tests of a file."""
    return Site(tmp_path_factory.mktemp("site"))
