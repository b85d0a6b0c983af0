"""A report can be traced to the code that measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

from crossbench import __version__
from crossbench.version import local

WHO = ("-c", "user.name=one", "-c", "user.email=one@example.org")


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *WHO, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert local(tmp_path) == __version__
    (tmp_path / "a.py").write_text("a = 1\n")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "--quiet", "-m", "a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert local(tmp_path) == f"{__version__}+g{commit[:12]}"
    (tmp_path / "report.md").write_text("of no matter\n")
    assert local(tmp_path) == f"{__version__}+g{commit[:12]}"
    (tmp_path / "a.py").write_text("a = 2\n")
    assert local(tmp_path) == f"{__version__}+g{commit[:12]}.dirty"


def test_what_is_installed_tells_its_version(tmp_path: Path) -> None:
    assert local(tmp_path) == __version__
