"""Which crossbench measured: its version, and of a checkout the commit, so that a report can be
traced to the code.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from crossbench import __version__

GIT_S = 10.0


@cache
def version() -> str:
    """`0.1.0`, or of a checkout `0.1.0+g1a2b3c4`, with `.dirty` where files differ from it.

    In the form of PEP 440's local versions; without git a checkout tells no commit.
    """
    return local(Path(__file__).parents[1])


def local(checkout: Path) -> str:
    """The version of the code that lies there."""
    if not (checkout / ".git").exists():
        return __version__
    commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return __version__
    changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return f"{__version__}+g{commit}{'.dirty' if changed else ''}"


def _git(folder: Path, *words: str) -> str | None:
    """What git says there; None where it says nothing of use."""
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
