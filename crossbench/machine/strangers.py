"""Processes that come onto the CUDA devices while a target is measured, and are not its own.

Only arrivals are told from the engine's own processes here, whose ids a container may hide. Who was
there before its worker was started is seen in the facts that are read then (`analysis.outside`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from crossbench.machine import cards
from crossbench.machine.reading import Reading

GLANCE_S = 1.0
"""As often as probes read; a call of the driver takes milliseconds."""


class Strangers:
    """Who computes on the devices since an engine was loaded."""

    def __init__(self, own: Callable[[], Collection[int]], *, wsl: bool) -> None:
        """`own` tells the ids of the engine's processes; under WSL2 (`wsl`) nothing is told."""
        self._own = own
        self._wsl = wsl
        self._there = cards.computing(wsl=wsl)
        self._untold = self._there.reason
        self._found: frozenset[int] = frozenset()
        self._looked_s = time.monotonic()

    def glance(self) -> None:
        """Look, at most once a second: who comes and goes while requests run is found, too."""
        if time.monotonic() - self._looked_s >= GLANCE_S:
            self._look()

    def arrived(self) -> Reading[int]:
        """How many others computed there since this was last asked that did not when it was loaded.

        Where the driver did not tell at some time, its reason.
        """
        self._look()
        found, untold = self._found, self._untold
        self._found, self._untold = frozenset(), self._there.reason
        return Reading(reason=untold) if untold is not None and not found else Reading(len(found))

    def _look(self) -> None:
        self._looked_s = time.monotonic()
        if self._there.value is None:
            return
        now = cards.computing(wsl=self._wsl)
        self._untold = now.reason or self._untold
        if new := (now.value or frozenset()) - self._there.value:
            self._found |= new - set(self._own())
