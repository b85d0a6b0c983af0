"""Progress of bytes, told as often as a reader can follow."""

from __future__ import annotations

import time

from crossbench.artifacts.sizes import sized, spelled
from crossbench.envs.progress import Progress

INTERVAL_S = 0.25
SETTLED_S = 2.0


class Meter:
    """Counts bytes of one or several files and says how far they are, how fast and how long yet."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._began = self._told = time.monotonic()
        self._moved = 0

    def skip(self, count: int) -> None:
        """Bytes that were there already; negative where they have to come again."""
        self._done += count

    def add(self, count: int, name: str) -> None:
        """Bytes of a file have come."""
        self._done += count
        self._moved += count
        now = time.monotonic()
        if now - self._told >= INTERVAL_S:
            self._told = now
            self._progress.line(f"{name}: {self._text(now - self._began)}")

    def _text(self, elapsed_s: float) -> str:
        text = f"{sized(self._done)} of {sized(self._total)}"
        if elapsed_s < SETTLED_S or not self._moved:
            return text
        rate = self._moved / elapsed_s
        left = max(0, self._total - self._done) / rate
        return f"{text}, {sized(rate)}/s, {spelled(left)} left"
