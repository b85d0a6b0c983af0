"""The instrument measured beside a run, once, before its first launch.

A process that makes one run after another measures it once in ten minutes: what this machine adds
does not change from run to run, and half a second of each would. How old the figures of a run are
is written down with them.
"""

from __future__ import annotations

import time

from crossbench.envs.progress import Progress
from crossbench.errors import EnvironmentFailure, InstrumentFailure
from crossbench.instrument.model import Figures
from crossbench.instrument.sitting import beside
from crossbench.journal.events import InstrumentMeasured
from crossbench.plan.model import Plan
from crossbench.registry import Registry
from crossbench.run.bench import Bench

FRESH_S = 600.0


class Latest:
    """The last sittings of this process, by the streams that were asked for."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[float, Figures]] = {}

    def figures(
        self, registry: Registry, progress: Progress, streams: int
    ) -> tuple[Figures, float]:
        """Those of a sitting and their age in seconds; a new one where the last is too old, or
        there is none. Raises what `beside` raises."""
        now = time.monotonic()
        began, found = self._found.get(streams, (-FRESH_S, None))
        if found is None or now - began >= FRESH_S:
            found = beside(registry, progress, streams)
            self._found[streams] = (now, found)
            return found, 0.0
        return found, now - began

    def forget(self) -> None:
        """Let the next run measure anew."""
        self._found.clear()


latest = Latest()


def note(bench: Bench, progress: Progress) -> None:
    """Measure it and write it down; nothing where nothing is to be measured.

    That it cannot be measured costs the run nothing but the knowledge: the reason is written down.
    """
    streams = most_streams(bench.plan)
    if not streams:
        return
    try:
        figures, age_s = latest.figures(bench.registry, progress, streams)
    except (InstrumentFailure, EnvironmentFailure) as failure:
        figures, age_s = Figures(failure=str(failure)), 0.0
    bench.write(InstrumentMeasured(figures=figures, age_s=age_s))


def most_streams(plan: Plan) -> int:
    """Requests that one of its launches has in flight at once, at most."""
    measured = {name for launch in plan.launches for name in launch.scenarios}
    return max((each.streams for each in plan.suite.scenarios if each.name in measured), default=0)
