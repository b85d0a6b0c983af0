"""Processes that come onto the CUDA devices while a target is measured, and are not its own.

Only arrivals count: a container may hide whose a process is, and what was there when the engine had
been loaded was there for all of its samples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from crossbench.machine import cards


class Strangers:
    """Who computes on the devices now that an engine is loaded."""

    def __init__(self, own: Callable[[], Collection[int]]) -> None:
        """`own` tells the ids of the engine's processes."""
        self._own = own
        self._there = cards.computing()

    def arrived(self) -> int:
        """How many others compute there now that did not then."""
        new = cards.computing() - self._there
        return len(new - set(self._own())) if new else 0
