"""Asking a program of the system, within bounds."""

from __future__ import annotations

from shutil import which
from subprocess import DEVNULL, SubprocessError, run


def said_by(program: str, *arguments: str) -> str:
    """What a program prints, or nothing when it is absent, fails or takes over five seconds."""
    path = which(program)
    if path is None:
        return ""
    try:
        answer = run(
            [path, *arguments], capture_output=True, text=True, timeout=5, stdin=DEVNULL, check=True
        )
    except (OSError, SubprocessError):
        return ""
    return answer.stdout.strip()
