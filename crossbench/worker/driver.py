"""The driver: hands requests to a session and stamps each chunk as it arrives.

It runs in the engine's own process, with garbage collection off, does nothing between two stamps
that can wait, and makes and sends no record until no request is in flight. One driver serves
synchronous and asynchronous sessions, one stream and many, closed loops and open ones.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import closing
from itertools import pairwise
from time import perf_counter_ns
from typing import TypeVar, cast

from crossbench.api import Chunk, Generation, Request, RequestError, Session
from crossbench.worker.alarm import NS, Alarm
from crossbench.worker.lag import Lag
from crossbench.worker.protocol import (
    Instrument,
    Measure,
    Measured,
    Record,
    RequestFailure,
    Strain,
)
from crossbench.worker.pulse import Phase, Pulse, shared
from crossbench.worker.trace import ContractBreach, Trace

T = TypeVar("T")
CALIBRATION_CHUNKS = 4000
LONGEST_START_NS = 600 * NS
"""A start further ahead than this is a mistake."""
BEAT_NS = NS
"""While nothing is in flight the pulse shows so often that the driver is alive."""


class BrokenOff(Exception):
    """The session was lost in `phase`; `records` holds what had finished."""

    def __init__(self, cause: BaseException, phase: Phase, records: tuple[Record, ...]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.phase = phase
        self.records = records


async def settled(value: T | Awaitable[T]) -> T:
    """The value of a method that may be a coroutine."""
    if inspect.isawaitable(value):
        return await cast("Awaitable[T]", value)
    return value


class Driver:
    """Runs requests on one session."""

    def __init__(self, session: Session, pulse: Pulse) -> None:
        self._session = session
        self._pulse = pulse
        # What the engine has loaded stays: no collection between samples need walk it (with torch
        # and vLLM that takes 0.3 s), and none disturbs the next sample by it.
        gc.collect()
        gc.freeze()
        self._flying: dict[str, Trace] = {}
        self._done: dict[str, Trace] = {}
        self._streams = 1
        self._blocked = False
        """Whether the session held the event loop while it generated."""
        self._late_ns = 0

    def release(self) -> None:
        """Let what the session holds be collected again, before it is closed."""
        gc.unfreeze()

    async def measure(self, asked: Measure) -> Measured:
        """Reset, then run the requests under the load that is asked for.

        Raises BrokenOff, and ValueError for a start that is too far ahead.
        """
        if asked.start_ns is not None and asked.start_ns - perf_counter_ns() > LONGEST_START_NS:
            raise ValueError(f"a start more than {LONGEST_START_NS // NS} s ahead")
        await settled(self._session.reset())
        self._done, self._flying = {}, {}
        self._streams, self._blocked, self._late_ns = asked.streams, False, 0
        gc.collect()
        gc.disable()
        try:
            strain = await self._run(asked)
        except Exception as error:
            phase = self._pulse.read().phase
            done = tuple(trace.record() for trace in self._done.values())
            raise BrokenOff(error, phase, done) from error
        finally:
            gc.enable()
            self._pulse.enter(Phase.IDLE)
        records = tuple(self._done[request.id].record() for request in asked.requests)
        return Measured(records=records, strain=strain, late_ns=self._late_ns)

    async def _run(self, asked: Measure) -> Strain | None:
        crowded = asked.streams > 1 or asked.arrivals_ns
        if asked.start_ns is None and not crowded:
            await self._user(iter(asked.requests))
            return None
        with closing(Alarm()) as alarm:
            await self._rest(alarm, asked.start_ns or 0)
            if asked.start_ns is not None:
                self._late_ns = max(0, perf_counter_ns() - asked.start_ns)
            if not crowded:
                await self._user(iter(asked.requests))
                return None
            start = perf_counter_ns() if asked.start_ns is None else asked.start_ns
            async with Lag(alarm) as lag:
                if asked.arrivals_ns:
                    await self._open(alarm, asked, start)
                else:
                    await self._closed(asked)
            return None if self._blocked else lag.strain

    async def _closed(self, asked: Measure) -> None:
        """A closed loop of so many users, who share the requests."""
        pending = iter(asked.requests)
        async with asyncio.TaskGroup() as group:
            for _ in range(asked.streams):
                group.create_task(self._user(pending))

    async def _user(self, pending: Iterator[Request]) -> None:
        """The next request as soon as the last is answered."""
        for request in pending:
            await self._one(request)

    async def _open(self, alarm: Alarm, asked: Measure, start: int) -> None:
        """An open loop: each request when it is due, whatever became of those before."""
        async with asyncio.TaskGroup() as group:
            for request, arrival in zip(asked.requests, asked.arrivals_ns, strict=True):
                await self._rest(alarm, start + arrival)
                group.create_task(self._one(request, start + arrival))

    async def _rest(self, alarm: Alarm, until: int) -> None:
        """Wait, however long, and let the pulse show that the driver lives."""
        while (now := perf_counter_ns()) < until:
            if not self._flying:
                self._pulse.enter(Phase.WAITING)
            await alarm.until(min(until, now + BEAT_NS))

    async def _one(self, request: Request, due: int | None = None) -> None:
        trace = self._flying[request.id] = Trace(request)
        stream: Generation | None = None
        failure: RequestFailure | None = None
        self._pulse.enter(Phase.FIRST_TOKEN)
        handed = perf_counter_ns()
        trace.t0 = handed if due is None else due
        trace.delay = handed - trace.t0
        try:
            stream = self._session.generate(request)
            await self._follow(trace, stream)
        except RequestError as error:
            failure = RequestFailure(kind="request", message=str(error))
        except ContractBreach as breach:
            failure = RequestFailure(kind="contract", message=str(breach))
            await _abort(stream)
        trace.end(failure)
        self._done[request.id] = self._flying.pop(request.id)
        if self._flying and not next(reversed(self._flying.values())).stamps:
            self._pulse.enter(Phase.FIRST_TOKEN)

    async def _follow(self, trace: Trace, stream: Generation) -> None:
        if isinstance(stream, AsyncIterator):
            await trace.follow_async(stream, self._pulse)
        elif self._streams == 1:
            self._blocked = True
            trace.follow(stream, self._pulse)
        else:
            raise ContractBreach("several streams at once need asynchronous iterators")


async def _abort(stream: Generation | None) -> None:
    """Close a stream early, which frees its KV cache."""
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    if close is not None:
        await settled(close())


def instrument() -> Instrument:
    """Measure the driver itself: the time from stamp to stamp over a stream that costs nothing."""
    descriptor = shared()
    pulse = Pulse(descriptor)
    os.close(descriptor)
    trace = Trace(Request(id="calibration", prompt_ids=(0,), max_tokens=CALIBRATION_CHUNKS))
    chunk = Chunk((0,))
    trace.follow(iter([chunk] * CALIBRATION_CHUNKS), pulse)
    pulse.close()
    stamps = trace.stamps
    gaps = sorted(later - earlier for earlier, later in pairwise(stamps))
    return Instrument(
        chunks=CALIBRATION_CHUNKS,
        median_ns=gaps[len(gaps) // 2],
        p99_ns=gaps[int(len(gaps) * 0.99)],
    )
