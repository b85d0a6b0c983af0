"""What a build tells of itself while it runs, so that a compile of five minutes is seen to live."""

from __future__ import annotations

import re
from collections import deque
from pathlib import PurePosixPath
from typing import Protocol

TAIL_LINES = 15
LONG_LINE = 120
NINJA_STEP = re.compile(r"^\[(\d+)/(\d+)\]")
SOURCE_FILE = re.compile(r" -[co] (\S+)")
MAKE_STEP = re.compile(r"^\[ *(\d+)%\]")


class Progress(Protocol):
    """Where a build reports to; the command line draws it."""

    def started(self, text: str) -> None:
        """Something long begins; the text says what."""
        ...

    def line(self, text: str) -> None:
        """One line of the build's own output worth showing."""
        ...

    def step(self, done: int, total: int) -> None:
        """`done` of `total` compile steps are finished."""
        ...

    def finished(self, text: str) -> None:
        """It succeeded; the text says with what."""
        ...


class Transcript:
    """Tells the lines of `uv -v` that matter from the rest, and keeps the last of them.

    uv prints a build backend's output with the prefix of its own debug lines, between the line
    that calls the backend and the line that names the wheel. After a failure it prints all of the
    output again, which is left out here.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._backends = 0
        self._replay = False
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def read(self, line: str) -> None:
        """Take one raw line, and report it if it matters."""
        text = self._backend_text(line) if line.startswith("DEBUG ") else self._uv_text(line)
        text = shortened(text)
        if not text:
            return
        self.tail.append(text)
        self._progress.line(text)
        if step := compile_step(text):
            self._progress.step(*step)

    def _backend_text(self, line: str) -> str:
        text = line.removeprefix("DEBUG ").rstrip()
        if text.startswith("Calling `") and ".build_wheel(" in text:
            self._backends += 1
        elif text.startswith("Built `"):
            self._backends -= 1
        elif self._backends > 0:
            return text
        return ""

    def _uv_text(self, line: str) -> str:
        if line.strip() in ("[stdout]", "[stderr]"):
            self._replay = True
        elif line[:1].strip():
            self._replay = False
        return "" if self._replay else line.strip()


def shortened(text: str) -> str:
    """A compiler's command of hundreds of options as its step and the file it works on."""
    match = NINJA_STEP.match(text)
    if match and len(text) > LONG_LINE and (files := SOURCE_FILE.findall(text)):
        return f"{match[0]} {PurePosixPath(files[-1]).name}"
    return text


def compile_step(text: str) -> tuple[int, int] | None:
    """Steps done and in all, from a line of ninja (`[12/340] ...`) or make (`[ 12%] ...`)."""
    if match := NINJA_STEP.match(text):
        return int(match[1]), int(match[2])
    if match := MAKE_STEP.match(text):
        return int(match[1]), 100
    return None
