"""docs/plugins.md followed to the letter, in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

from crossbench.envs import uv
from crossbench.envs.pip_settings import uv_settings
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "plugins.md").read_text()
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOUND_S = 180
CACHES = ("__pycache__", ".*_cache")
SETTINGS = ("UV_", "PIP_", "SSL_", "HTTP", "http", "ALL_PROXY", "NO_PROXY", "no_proxy")
"""How the names of variables begin that say how packages are fetched here."""


class Block(NamedTuple):
    """A fenced block of the page."""

    kind: str
    """"sh" is run, "text" is in the output of what ran before it, others are files."""
    file: str | None
    text: str


def blocks() -> list[Block]:
    """Those of the tutorial, in order."""
    tutorial = PAGE.partition("\n## A tutorial\n")[2].partition("\n## ")[0]
    return [Block(match[1], match[2] or None, match[3]) for match in FENCE.finditer(tutorial)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what a clone has, and nothing else: no environment, no cache, no link."""
    for name in ("crossbench", "plugins", "suites"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(*CACHES))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def environ(folder: Path) -> dict[str, str]:
    """A stranger's: uv and Python on the PATH, pip's and uv's own settings, the tutorial's venv."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uv").unlink(missing_ok=True)
    (tools / "uv").symlink_to(uv.binary())
    venv = folder / "parrot-env"
    path = [venv / "bin", tools, Path(sys.executable).resolve().parent, "/usr/bin", "/bin"]
    kept = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)}
    return {
        **kept,
        **uv_settings(os.environ).environment,
        "PATH": os.pathsep.join(map(str, path)),
        "HOME": os.environ.get("HOME", "/"),
        **({"VIRTUAL_ENV": str(venv)} if venv.exists() else {}),
        "CROSSBENCH": str(folder),
        "CROSSBENCH_ENVS": str(folder / "envs"),
        "CROSSBENCH_MACHINE": os.environ["CROSSBENCH_MACHINE"],
        "NO_COLOR": "1",
    }


def shell(folder: Path, commands: str, cwd: Path | None = None) -> str:
    """What the commands print, all of them succeeding."""
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=cwd or folder,
        env=environ(folder),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 0, commands + done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorial_does_what_it_says_and_its_package_passes_its_own_ci(clone: Path) -> None:
    said = ""
    for block in blocks():
        if block.kind == "sh":
            said = shell(clone, block.text)
        elif block.kind == "text":
            for line in block.text.splitlines():
                assert line in said, f"{line}\nis not in\n{said}"
        else:
            assert block.file is not None
            file = clone / block.file
            assert file.parent.is_dir(), f"{block.file} is of no package that was begun"
            file.write_text(block.text)
    assert "parrot" in (clone / "first-run" / "report.md").read_text()
    package = clone / "crossbench-parrot"
    assert list((package / "dist").glob("*.whl"))
    check_is_of_the_clean_environment(clone)
    for step in steps(package):
        shell(clone, step.replace("pip install", "uv pip install"), package)  # as pip, but quick


def check_is_of_the_clean_environment(clone: Path) -> None:
    """Nothing of the developer's environment is in reach, not even crossbench itself."""
    code = "import sys, crossbench; print(crossbench.__file__, *sys.path, sep='\\n')"
    for place in shell(clone, f'cd / && python -c "{code}"').splitlines():
        assert not Path(place).is_relative_to(ROOT), place
        assert not Path(place).is_relative_to(sysconfig.get_path("purelib")), place
    (site,) = (clone / "parrot-env" / "lib").glob("python*/site-packages")
    assert not [place for place in site.iterdir() if place.is_symlink()]


def steps(package: Path) -> list[str]:
    """The commands of the package's example for CI."""
    text = (package / ".github" / "workflows" / "check.yml").read_text()
    found = re.findall(r"^ +- run: (.*)$", text, re.MULTILINE)
    assert found[0].startswith('pip install "${CROSSBENCH:?')
    assert "crossbench plugins list" in found
    return found


def test_the_tutorial_fills_in_all_three_places() -> None:
    named = {block.file for block in blocks() if block.file}
    for name in ("plugin.py", "options.py", "engine.py"):
        assert f"crossbench-parrot/src/crossbench_parrot/{name}" in named
    assert not [block for block in blocks() if "FILL IN" in block.text]
