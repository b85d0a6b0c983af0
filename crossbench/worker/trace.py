"""One request as the driver sees it: stamps while it runs, checked against the contract after."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from time import perf_counter_ns

import msgspec

from crossbench.api import Chunk, Finish, Request
from crossbench.worker.protocol import Record, RequestFailure
from crossbench.worker.pulse import Pulse
from crossbench.worker.suspension import suspended_ns


class ContractBreach(Exception):
    """A plugin did what the contract forbids; the request is void and the session lives."""


class Trace:
    """Stamps and chunks of one request while it runs."""

    __slots__ = ("_asleep", "_failure", "chunks", "delay", "request", "stamps", "t0")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.t0 = 0
        self.delay = 0
        self.stamps: list[int] = []
        self.chunks: list[Chunk] = []
        self._asleep = suspended_ns()
        self._failure: RequestFailure | None = None

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

    def end(self, failure: RequestFailure | None = None) -> None:
        """The request is answered, or failed. What takes time is left to `record`."""
        self._asleep = suspended_ns() - self._asleep
        self._failure = failure

    def record(self) -> Record:
        """What happened, checked against the contract; made once nothing is in flight."""
        failure = self._failure
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
            delay_ns=self.delay,
            stamps_ns=tuple(stamp - self.t0 for stamp in self.stamps),
            counts=counts,
            text_bytes=_text_bytes(self.chunks),
            token_ids=ids,
            text=_text(self.chunks),
            reasoning_chunks=_reasoning(self.chunks),
            finish=finish,
            suspended_ns=self._asleep,
            failure=failure,
        )


def _tokens(chunk: Chunk) -> int:
    if type(chunk) is not Chunk:
        raise ContractBreach(f"generate() yielded a {type(chunk).__name__}; allowed is a Chunk")
    return _told(chunk.tokens) if chunk.token_ids is None else len(chunk.token_ids)


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
            counts.append(_told(chunk.tokens))
            continue
        try:
            ids.extend(int(token) for token in chunk.token_ids)
        except (TypeError, ValueError) as error:
            raise ContractBreach(f"token ids are not whole numbers: {error}") from error
        counts.append(len(chunk.token_ids))
    finish = _finish(chunks[-1].finish) if chunks else None
    return (None if textual else tuple(ids)), tuple(counts), finish


def _told(tokens: object) -> int:
    """How many tokens a chunk without ids says it holds. Raises ContractBreach."""
    if tokens is None:
        return 0
    if type(tokens) is not int or tokens < 0:
        raise ContractBreach(f"a chunk says it holds {tokens!r} tokens; allowed: 0 and more")
    return tokens


def _reasoning(chunks: Sequence[Chunk]) -> int:
    """Chunks before the first of the answer, where the engine tells reasoning apart."""
    if not any(chunk.reasoning for chunk in chunks):
        return 0
    content = (at for at, chunk in enumerate(chunks) if _is_answer(chunk))
    return next(content, len(chunks))


def _is_answer(chunk: Chunk) -> bool:
    return not chunk.reasoning and bool(chunk.token_ids or chunk.text)


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
    drafted, accepted = finish.drafted_tokens, finish.accepted_tokens
    if accepted is not None and not 0 <= accepted <= (accepted if drafted is None else drafted):
        raise ContractBreach(f"{accepted} tokens are said to be accepted, of {drafted} drafted")
    return finish


def _text_bytes(chunks: Sequence[Chunk]) -> tuple[int, ...]:
    sizes = tuple(len((chunk.text or "").encode("utf-8", "replace")) for chunk in chunks)
    return sizes if any(sizes) else ()


def _text(chunks: Sequence[Chunk]) -> str | None:
    """What was sent as text; half a character is shown as the replacement character."""
    text = "".join(chunk.text for chunk in chunks if chunk.text)
    return text.encode("utf-8", "replace").decode() or None
