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

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "plugins.md").read_text()
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOUND_S = 110


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
def clean(tmp_path: Path) -> Path:
    """A folder with the suites and a fresh virtual environment that has crossbench."""
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    uv = Path(sys.executable).with_name("uv")
    venv = tmp_path / "venv"
    subprocess.run(
        [uv, "venv", "--quiet", "--offline", "--python", sys.executable, venv], check=True
    )
    (site,) = (venv / "lib").glob("python*/site-packages")
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if installed.suffix == ".dist-info":  # uv overlooks links to these
            shutil.copytree(installed, site / installed.name)
        elif not (site / installed.name).exists():
            (site / installed.name).symlink_to(installed)
    for name, code in (
        ("crossbench", "from crossbench.cli import main; main()"),
        ("uv", f"import os, sys; os.execv({str(uv)!r}, ['uv', *sys.argv[1:]])"),
    ):
        script = venv / "bin" / name
        script.write_text(f"#!{venv / 'bin' / 'python'}\n{code}\n")
        script.chmod(0o755)
    return tmp_path


def shell(folder: Path, commands: str) -> str:
    """What the commands print, all of them succeeding."""
    environ = {
        "PATH": f"{folder / 'venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "VIRTUAL_ENV": str(folder / "venv"),
        "CROSSBENCH_ENVS": str(folder / "envs"),
        "CROSSBENCH_MACHINE": os.environ["CROSSBENCH_MACHINE"],
        "UV_OFFLINE": "1",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 0, commands + done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_tutorial_does_what_it_says(clean: Path) -> None:
    said = ""
    for block in blocks():
        if block.kind == "sh":
            said = shell(clean, block.text)
        elif block.kind == "text":
            for line in block.text.splitlines():
                assert line in said, f"{line}\nis not in\n{said}"
        else:
            assert block.file is not None
            file = clean / block.file
            assert file.parent.is_dir(), f"{block.file} is of no package that was begun"
            file.write_text(block.text)
    report = (clean / "first-run" / "report.md").read_text()
    assert "parrot" in report
    assert list((clean / "crossbench-parrot" / "dist").glob("*.whl"))
    for tool in (["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"]):
        linted = subprocess.run(
            [str(Path(sys.executable).with_name(tool[0])), *tool[1:]],
            cwd=clean / "crossbench-parrot",
            capture_output=True,
            text=True,
            check=False,
        )
        assert linted.returncode == 0, linted.stdout


def test_the_tutorial_fills_in_all_three_places() -> None:
    named = {block.file for block in blocks() if block.file}
    for name in ("plugin.py", "options.py", "engine.py"):
        assert f"crossbench-parrot/src/crossbench_parrot/{name}" in named
    assert not [block for block in blocks() if "FILL IN" in block.text]
