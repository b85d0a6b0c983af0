"""The worker process: `python -m crossbench.worker PULSE_FD`, started by the supervisor only.

It loads one backend, obeys one host over its standard input and output, and imports nothing but the
standard library, msgspec and the backend. File descriptor 1 is moved away at once and points at the
log from then on, so that nothing an engine prints, from Python or from C, can corrupt a message.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, cast

import msgspec

from crossbench.api import (
    Backend,
    EngineError,
    Loaded,
    OutOfMemory,
    RequestError,
    ScoringSession,
    Session,
    TokenScore,
    Unsupported,
    Vocabulary,
)
from crossbench.worker import guardian, protocol
from crossbench.worker.driver import BrokenOff, Driver, instrument, settled
from crossbench.worker.protocol import (
    Closed,
    Command,
    Failed,
    Load,
    Measure,
    MemoryRead,
    ReadMemory,
    ReadVocabulary,
    Ready,
    Reply,
    RequestFailure,
    Score,
    Scored,
    Tokenize,
    Tokenized,
    VocabularyRead,
)
from crossbench.worker.pulse import Phase, Pulse

SLIGHTLY_POSITIVE = 1e-3
"""Rounding may put the logarithm of a probability of 1 this far above 0."""
MAIN_NS = time.perf_counter_ns()


def resolve(reference: str) -> Any:
    """What "package.module:Name" names. Raises EngineError."""
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # an engine's import may fail in any way
        raise EngineError(f"cannot import {reference}: {type(error).__name__}: {error}") from error


def installed(distributions: Iterable[str]) -> dict[str, str]:
    """Versions of those distributions that this interpreter has."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class Host:
    """The worker's two pipes to its host."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._reader = asyncio.StreamReader()

    async def connect(self) -> None:
        """Let the event loop read the host's commands."""
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(self._incoming, "rb", 0)
        )

    async def hear(self) -> Command | None:
        """The next command, or None once the host is gone. Raises ProtocolError."""
        try:
            header = await self._reader.readexactly(protocol.HEADER_BYTES)
            length = protocol.body_length(int.from_bytes(header, "big"))
            return protocol.command(await self._reader.readexactly(length))
        except asyncio.IncompleteReadError:
            return None

    def say(self, reply: Reply) -> None:
        """Send one reply, whole."""
        data = memoryview(protocol.frame(reply))
        while data:
            data = data[os.write(self._outgoing, data) :]


class Worker:
    """One backend, one session."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._session: Session | None = None
        self._driver: Driver | None = None

    async def obey(self, command: Command) -> Reply:
        """Do what the host asks."""
        match command:
            case Load():
                return await self._load(command)
            case Measure():
                return await self._measure(command)
            case Tokenize():
                return await self._tokenize(command)
            case ReadVocabulary():
                return await self._vocabulary()
            case Score():
                return await self._score(command)
            case ReadMemory():
                return MemoryRead(memory=dict(await settled(self._live.memory())))
            case _:
                return await self.close()

    @property
    def phase(self) -> Phase:
        """What it is doing."""
        return self._pulse.read().phase

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise EngineError("no session is loaded")
        return self._session

    async def _load(self, command: Load) -> Ready:
        self._pulse.enter(Phase.LOADING)
        await self._forget()
        backend: Backend = resolve(command.factory)()
        try:
            options = msgspec.convert(command.options, resolve(command.options_type))
        except msgspec.ValidationError as error:
            raise Unsupported(f"options: {error}") from error
        imported_ns = time.perf_counter_ns()
        self._session = await settled(backend.load(command.model, options, command.needs))
        loaded = await settled(self._session.describe())
        if not isinstance(loaded, Loaded):
            raise EngineError(f"describe() gave a {type(loaded).__name__}; allowed is a Loaded")
        ready_ns = time.perf_counter_ns()
        memory = dict(await settled(self._session.memory()))
        self._driver = Driver(self._session, self._pulse)
        measured = instrument()
        self._pulse.enter(Phase.IDLE)
        return Ready(
            python=platform.python_version(),
            versions=installed(command.distributions),
            main_ns=MAIN_NS,
            imported_ns=imported_ns,
            ready_ns=ready_ns,
            loaded=loaded,
            memory=memory,
            instrument=measured,
        )

    async def _measure(self, command: Measure) -> Reply:
        if self._driver is None:
            raise EngineError("no session is loaded")
        try:
            return await self._driver.measure(command)
        except BrokenOff as broken:
            return failed(broken.cause, broken.phase, broken.records)

    async def _tokenize(self, command: Tokenize) -> Tokenized:
        try:
            texts = [await settled(self._live.tokenize(text)) for text in command.texts]
        except RequestError:
            return Tokenized(ids=None)
        return Tokenized(ids=tuple(tuple(int(token) for token in ids) for ids in texts))

    async def _vocabulary(self) -> VocabularyRead:
        try:
            told = await settled(self._live.vocabulary())
        except RequestError:
            return VocabularyRead(vocabulary=None)
        if not isinstance(told, Vocabulary):
            raise EngineError(f"vocabulary() gave a {type(told).__name__}; allowed is a Vocabulary")
        return VocabularyRead(vocabulary=told)

    async def _score(self, command: Score) -> Scored:
        session = cast("ScoringSession", self._live)
        self._pulse.enter(Phase.SCORING)
        try:
            scores = tuple(await settled(session.score(command.ids, command.top_k, command.first)))
            fault = score_fault(command, scores)
        except RequestError as error:
            scores, fault = (), RequestFailure(kind="request", message=str(error))
        self._pulse.enter(Phase.IDLE)
        return Scored(scores=() if fault else scores, failure=fault)

    async def close(self) -> Closed:
        """Close the session, if there is one."""
        self._pulse.enter(Phase.CLOSING)
        await self._forget()
        return Closed()

    async def _forget(self) -> None:
        session, self._session = self._session, None
        if self._driver is not None:
            self._driver.release()
        if session is not None:
            await settled(session.close())


def score_fault(asked: Score, scores: tuple[TokenScore, ...]) -> RequestFailure | None:
    """What the scores lack of what the contract promises."""
    due = len(asked.ids) - asked.first
    told = None
    if len(scores) != due:
        told = f"score() gave {len(scores)} scores; due were {due}"
    elif any(type(score) is not TokenScore for score in scores):
        told = "score() gave something else than TokenScores"
    elif any(not score.logprob <= SLIGHTLY_POSITIVE for score in scores):
        told = "score() gave a log-probability that is positive or not a number"
    elif any(len(score.top) != asked.top_k for score in scores):
        told = f"score() did not give the {asked.top_k} likeliest ids at every place"
    return RequestFailure(kind="contract", message=told) if told else None


def failed(error: BaseException, phase: Phase, records: tuple[protocol.Record, ...] = ()) -> Failed:
    """An exception as the host is told of it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    named = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
    kind: Literal["oom", "unsupported", "error"] = "error"
    if isinstance(error, OutOfMemory | MemoryError):
        kind = "oom"
    elif isinstance(error, Unsupported):
        kind = "unsupported"
    text = "".join(traceback.format_exception(error))
    return Failed(kind=kind, phase=phase, message=named, traceback=text, records=records)


async def serve(incoming: int, outgoing: int, worker: Worker) -> int:
    """Answer commands until the host says quit, goes away, or the launch is over."""
    host = Host(incoming, outgoing)
    await host.connect()
    while (command := await host.hear()) is not None:
        try:
            reply = await worker.obey(command)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises ends the launch, named
            reply = failed(error, worker.phase)
        try:
            host.say(reply)
        except protocol.ProtocolError as error:
            reply = failed(error, worker.phase)
            host.say(reply)
        if isinstance(reply, Closed):
            return 0
        if isinstance(reply, Failed):
            break
    await worker.close()
    return 0


def main() -> int:
    """Take the pipes away from the engine, post the guardian, and serve."""
    incoming, outgoing = os.dup(0), os.dup(1)
    void = os.open(os.devnull, os.O_RDONLY)
    os.dup2(void, 0)
    os.dup2(2, 1)
    os.close(void)
    guardian.post(incoming)
    pulse = Pulse(int(sys.argv[1]))
    return asyncio.run(serve(incoming, outgoing, Worker(pulse)))


if __name__ == "__main__":
    sys.exit(main())
