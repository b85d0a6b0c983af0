"""The driver: hands requests to a session and stamps each chunk as it arrives.

It runs in the engine's own process, with garbage collection off, does nothing between two stamps
that can wait, and sends nothing until no request is in flight. One driver serves synchronous and
asynchronous sessions, one stream and many.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import math
import os
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from itertools import pairwise
from time import perf_counter_ns
from typing import TypeVar, cast

import msgspec

from crossbench.api import Chunk, Finish, Generation, Request, RequestError, Session
from crossbench.worker.protocol import Instrument, Record, RequestFailure
from crossbench.worker.pulse import Phase, Pulse, shared
from crossbench.worker.suspension import suspended_ns

T = TypeVar("T")
CALIBRATION_CHUNKS = 4000


class ContractBreach(Exception):
    """A plugin did what the contract forbids; the request is void and the session lives."""


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


class _Trace:
    """Stamps and chunks of one request while it runs."""

    __slots__ = ("chunks", "request", "slept", "stamps", "t0")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.slept = suspended_ns()
        self.t0 = 0
        self.stamps: list[int] = []
        self.chunks: list[Chunk] = []

    def follow(self, stream: Iterator[Chunk], pulse: Pulse) -> None:
        """Drain a synchronous stream."""
        clock, stamp, keep = perf_counter_ns, self.stamps.append, self.chunks.append
        beat = pulse.tokens_came
        for chunk in stream:
            now = clock()
            beat(now, _tokens(chunk))
            stamp(now)
            keep(chunk)

    async def follow_async(self, stream: AsyncIterator[Chunk], pulse: Pulse) -> None:
        """Drain an asynchronous stream."""
        clock, stamp, keep = perf_counter_ns, self.stamps.append, self.chunks.append
        beat = pulse.tokens_came
        async for chunk in stream:
            now = clock()
            beat(now, _tokens(chunk))
            stamp(now)
            keep(chunk)

    def record(self, failure: RequestFailure | None = None) -> Record:
        """What happened, checked against the contract."""
        try:
            ids, counts, finish = _contents(self.chunks)
        except ContractBreach as breach:
            failure = failure or RequestFailure(kind="contract", message=str(breach))
            ids, counts, finish = None, tuple(0 for _ in self.chunks), None
        if failure is None and finish is None:
            failure = RequestFailure(kind="contract", message="the stream ended without a finish")
        forced = self.request.forced_ids
        if failure is None and forced and ids != forced:
            told = "the output is not the ids that were to be decoded along"
            failure = RequestFailure(kind="contract", message=told)
        return Record(
            id=self.request.id,
            t0_ns=self.t0,
            stamps_ns=tuple(stamp - self.t0 for stamp in self.stamps),
            counts=counts,
            text_bytes=_text_bytes(self.chunks),
            token_ids=ids,
            text=_text(self.chunks),
            finish=finish,
            suspended_ns=suspended_ns() - self.slept,
            failure=failure,
        )


def _tokens(chunk: Chunk) -> int:
    if type(chunk) is not Chunk:
        raise ContractBreach(f"generate() yielded a {type(chunk).__name__}; allowed is a Chunk")
    return len(chunk.token_ids or ())


def _contents(
    chunks: Sequence[Chunk],
) -> tuple[tuple[int, ...] | None, tuple[int, ...], Finish | None]:
    """Ids, tokens per chunk, and the finish. Raises ContractBreach."""
    ids: list[int] = []
    counts: list[int] = []
    textual = False
    for position, chunk in enumerate(chunks):
        if chunk.finish is not None and position != len(chunks) - 1:
            raise ContractBreach("a chunk before the last carried a finish")
        if chunk.token_ids is None:
            textual = True
            counts.append(0)
            continue
        try:
            ids.extend(int(token) for token in chunk.token_ids)
        except (TypeError, ValueError) as error:
            raise ContractBreach(f"token ids are not whole numbers: {error}") from error
        counts.append(len(chunk.token_ids))
    finish = _finish(chunks[-1].finish) if chunks else None
    return (None if textual else tuple(ids)), tuple(counts), finish


def _finish(told: object) -> Finish | None:
    """The finish as the contract has it, its figures finite. Raises ContractBreach."""
    if told is None:
        return None
    if not isinstance(told, Finish):
        raise ContractBreach(f"a finish is a {type(told).__name__}; allowed is a Finish")
    try:
        finish = msgspec.convert(msgspec.to_builtins(told), Finish)
    except (msgspec.ValidationError, TypeError) as error:
        raise ContractBreach(f"a finish is wrong: {error}") from error
    for name, value in finish.native.items():
        if not math.isfinite(value):
            raise ContractBreach(f"the native figure {name!r} is {value}; allowed: finite ones")
    return finish


def _text_bytes(chunks: Sequence[Chunk]) -> tuple[int, ...]:
    sizes = tuple(len((chunk.text or "").encode("utf-8", "replace")) for chunk in chunks)
    return sizes if any(sizes) else ()


def _text(chunks: Sequence[Chunk]) -> str | None:
    """What was sent as text; half a character is shown as the replacement character."""
    text = "".join(chunk.text for chunk in chunks if chunk.text)
    return text.encode("utf-8", "replace").decode() or None


class Driver:
    """Runs requests on one session."""

    def __init__(self, session: Session, pulse: Pulse) -> None:
        self._session = session
        self._pulse = pulse
        self._done: dict[str, Record] = {}
        self._streams = 1

    async def measure(self, requests: Sequence[Request], streams: int) -> tuple[Record, ...]:
        """Reset, then run the requests with `streams` in flight. Raises BrokenOff."""
        await settled(self._session.reset())
        pending = iter(requests)
        self._done = {}
        self._streams = streams
        gc.collect()
        gc.disable()
        self._pulse.enter(Phase.FIRST_TOKEN)
        try:
            if streams == 1:
                await self._user(pending)
            else:
                await self._users(pending, streams)
        except Exception as error:
            phase = self._pulse.read().phase
            raise BrokenOff(error, phase, tuple(self._done.values())) from error
        finally:
            gc.enable()
            self._pulse.enter(Phase.IDLE)
        return tuple(self._done[request.id] for request in requests)

    async def _users(self, pending: Iterator[Request], streams: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(streams):
                group.create_task(self._user(pending))

    async def _user(self, pending: Iterator[Request]) -> None:
        """One user of a closed loop: the next request as soon as the last is answered."""
        for request in pending:
            self._done[request.id] = await self._one(request)

    async def _one(self, request: Request) -> Record:
        trace = _Trace(request)
        stream: Generation | None = None
        failure: RequestFailure | None = None
        trace.t0 = perf_counter_ns()
        try:
            stream = self._session.generate(request)
            await self._follow(trace, stream)
        except RequestError as error:
            failure = RequestFailure(kind="request", message=str(error))
        except ContractBreach as breach:
            failure = RequestFailure(kind="contract", message=str(breach))
            await _abort(stream)
        return trace.record(failure)

    async def _follow(self, trace: _Trace, stream: Generation) -> None:
        if isinstance(stream, AsyncIterator):
            await trace.follow_async(stream, self._pulse)
        elif self._streams == 1:
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
    trace = _Trace(Request(id="calibration", prompt_ids=(0,), max_tokens=CALIBRATION_CHUNKS))
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
