"""How far an event loop falls behind while several requests are in flight."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import Self

from crossbench.worker.alarm import Alarm
from crossbench.worker.protocol import Strain

PERIOD_NS = 11_300_000
"""No multiple of a common time per token, so that it does not keep missing an engine's bursts; and
so long that waking an idle processor, up to 0.15 ms of its time, takes 1 % of it at most."""


class Lag:
    """Wakes every few milliseconds while the `async with` lasts, and notes how late it did.

    A wake that comes a period late or more stands for those that it outlasted, too: the loop would
    have been late for each of them.
    """

    strain: Strain
    """Once it has ended."""

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._lags: list[int] = []

    async def __aenter__(self) -> Self:
        """Begin."""
        self._began = perf_counter_ns(), thread_time_ns(), process_time_ns()
        self._task = asyncio.create_task(self._watch(self._began[0] + PERIOD_NS))
        return self

    async def _watch(self, due: int) -> None:
        while True:
            await self._alarm.until(due)
            now = perf_counter_ns()
            while due <= now:
                self._lags.append(now - due)
                due += PERIOD_NS

    async def __aexit__(self, *_: object) -> None:
        """Stop, whatever became of the requests."""
        now, loop, process = perf_counter_ns(), thread_time_ns(), process_time_ns()
        self._task.cancel()
        await asyncio.wait([self._task])
        lags = sorted(self._lags)
        self.strain = Strain(
            wakes=len(lags),
            lag_p50_ns=_rank(lags, 0.5),
            lag_p99_ns=_rank(lags, 0.99),
            lag_max_ns=_rank(lags, 1.0),
            span_ns=now - self._began[0],
            loop_ns=loop - self._began[1],
            process_ns=process - self._began[2],
        )


def _rank(ordered: Sequence[int], fraction: float) -> int:
    """The least value that so much of them does not exceed; 0 of none."""
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)] if ordered else 0
