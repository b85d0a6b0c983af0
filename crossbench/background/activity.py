"""What a background is to the launch that runs it: work on demand, and an account of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class BackgroundFailed(Exception):
    """The background died or stands still; what was measured meanwhile was not beside it."""


class Spell(Struct, frozen=True, kw_only=True):
    """What a background did while one pass was measured."""

    begin_ns: int
    """By `perf_counter_ns`."""
    end_ns: int
    tokens: int | None = None
    """Tokens that it produced; None of a command."""
    cpu_s: float | None = None
    """Processor time of a command and all that it started; None of a target."""


class Background(Protocol):
    """Started once for a cell, idle until it is told to work, and ended with the cell."""

    def work(self) -> None:
        """Begin, or go on; returns once it is at work. Raises BackgroundFailed."""
        ...

    def attest(self) -> None:
        """Raises BackgroundFailed where it has not been at work since `work`."""
        ...

    def rest(self) -> Spell:
        """Stop working and be idle again; what was done since `work`. Raises BackgroundFailed."""
        ...

    def members(self) -> Sequence[int]:
        """Ids of its living processes."""
        ...

    def end(self) -> None:
        """End it and all that it started; always returns."""
        ...
