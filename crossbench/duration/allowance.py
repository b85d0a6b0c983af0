"""Keeping a run within its budget: later blocks are left out whole, for every target alike.

Blocks go in pairs, one forward and one in reverse, so a pair is begun only where both fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from crossbench.artifacts.sizes import spelled
from crossbench.duration.forecast import Forecast
from crossbench.plan.model import Plan
from crossbench.plan.time import Span


class Allowance:
    """What is left of a run's budget, counted from its first launch."""

    def __init__(
        self,
        plan: Plan,
        forecast: Forecast,
        spent_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`spent_s` is what an interrupted run took already; `clock` gives seconds."""
        self._plan = plan
        self._forecast = forecast
        self._clock = clock
        self._began = clock() - spent_s

    def refuses_block(self, block: int) -> str | None:
        """Why this block and all after it are not measured, or None. The first always is."""
        pair = (block, block + 1) if block % 2 == 0 else (block,)
        launches = [launch for launch in self._plan.launches if launch.block in pair]
        needed = self._forecast.of(launches) + self._forecast.scoring()
        return self._refused(needed) if block else None

    def refuses_scoring(self) -> str | None:
        """Why targets are not scored, or None."""
        return self._refused(self._forecast.scoring())

    def _refused(self, needed: Span) -> str | None:
        budget = self._plan.budget
        spent = self._clock() - self._began
        if budget is None or spent + needed.high <= budget.seconds:
            return None
        return (
            f"left out to keep within the budget of {spelled(budget.seconds)}: "
            f"{spelled(spent)} had passed, and it would have taken up to {spelled(needed.high)}"
        )
