"""What the kit puts between the real worker and the backend it checks; runs in the worker.

`Between` is a backend that loads another one. It looks at what the worker cannot tell the host
(signatures, the type of an error), breaks streams off as an impatient user would, and rehearses:
loads, generates and closes, so that the host can see what is left. Requests pass through untouched
otherwise: what the driver drains is the backend's own iterator.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec
from msgspec import Struct

from crossbench.api import (
    Backend,
    Chunk,
    DeviceMemory,
    EngineError,
    Fact,
    Finish,
    Generation,
    Loaded,
    ModelRef,
    Needs,
    Request,
    RequestError,
    ScoringSession,
    Session,
)
from crossbench.testing.conformance import signatures
from crossbench.worker.driver import settled

SEEN = "conformance"
"""The key of `Loaded.settings` under which what was seen comes back."""
ABORT = "abort-after-"
"""A request of the id "abort-after-3..." is closed after three chunks."""


class Script(Struct, frozen=True, kw_only=True):
    """Which backend to load, and what to do with it."""

    factory: str
    options_type: str
    options: dict[str, Any]
    act: Literal["serve", "rehearse"] = "serve"
    declares_score: bool = False
    missing: str | None = None
    """A path without an artifact, to be tried first."""
    trial: Request | None = None
    """What a rehearsal generates before it closes."""


class Seen(Struct, frozen=True, kw_only=True):
    """What was seen in the worker."""

    signatures: tuple[str, ...] = ()
    missing: str = ""
    """What loading a missing artifact raised: "EngineError", or what else happened."""
    undeclared_score: str = ""
    """What `score` gave without SCORE, where it raised nothing."""


class Between:
    """A backend that loads the one of its script."""

    async def load(self, model: ModelRef, options: Script, needs: Needs) -> Session:
        """Load it; after a rehearsal what is returned is closed already."""
        if options.act == "rehearse":
            return await _rehearsed(model, options, needs)
        return Passed(*await _loaded(model, options, needs))


class Passed:
    """The session itself, but for its description and for requests that are to be aborted."""

    def __init__(self, session: Session, seen: Seen) -> None:
        self._session = session
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def describe(self) -> Loaded:
        """The session's own description and what was seen."""
        return _with(await settled(self._session.describe()), self._seen)

    def generate(self, request: Request) -> Generation:
        """The session's own stream, or one that breaks it off."""
        stream = self._session.generate(request)
        if not request.id.startswith(ABORT):
            return stream
        chunks = int(request.id.removeprefix(ABORT).partition("-")[0])
        if isinstance(stream, AsyncIterator):
            return _broken_off_async(stream, chunks)
        return _broken_off(stream, chunks)


class Over:
    """A session that is closed; only what it told is left."""

    def __init__(self, told: Loaded, memory: Mapping[str, DeviceMemory]) -> None:
        self._told = told
        self._memory = memory

    def describe(self) -> Loaded:
        """What it told while it lived."""
        return self._told

    def memory(self) -> Mapping[str, DeviceMemory]:
        """What it told while it lived."""
        return self._memory

    def close(self) -> None:
        """It is closed."""

    def __getattr__(self, name: str) -> Any:
        raise EngineError(f"the session is closed; {name} was asked of it")


def _named(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _with(told: Loaded, seen: Seen) -> Loaded:
    fact = Fact[Any](msgspec.to_builtins(seen), "api")
    return msgspec.structs.replace(told, settings={**told.settings, SEEN: fact})


def _signature_faults(backend: Backend, session: Session, scores: bool) -> Iterator[str]:
    yield from signatures.faults(backend, Backend)
    yield from signatures.faults(session, Session)
    if scores:
        yield from signatures.faults(session, ScoringSession)


async def _attempt(backend: Backend, model: ModelRef, options: Any, needs: Needs) -> str:
    """What loading an artifact that is not there comes to."""
    try:
        session = await settled(backend.load(model, options, needs))
    except EngineError:
        return "EngineError"
    except Exception as error:  # noqa: BLE001 - what an engine raises is what is asked for
        return f"{type(error).__name__}: {error}"
    await settled(session.close())
    return "a session"


async def _undeclared_score(session: Session) -> str:
    if not hasattr(session, "score"):
        return ""
    with suppress(Exception):
        return repr(await settled(session.score((1, 2, 3), 1, 1)))[:80]
    return ""


async def _loaded(model: ModelRef, script: Script, needs: Needs) -> tuple[Session, Seen]:
    backend: Backend = _named(script.factory)()
    options = msgspec.convert(script.options, _named(script.options_type))
    missing = ""
    if script.missing is not None:
        nowhere = ModelRef(path=script.missing, name="missing")
        missing = await _attempt(backend, nowhere, options, needs)
    session = await settled(backend.load(model, options, needs))
    seen = Seen(
        signatures=tuple(_signature_faults(backend, session, script.declares_score)),
        missing=missing,
        undeclared_score="" if script.declares_score else await _undeclared_score(session),
    )
    return session, seen


async def _rehearsed(model: ModelRef, script: Script, needs: Needs) -> Over:
    """Load, generate, describe, close, and give back what the allocator can."""
    session, seen = await _loaded(model, script, needs)
    if script.trial is not None:
        await _drained(session.generate(script.trial))
    told = _with(await settled(session.describe()), seen)
    memory = dict(await settled(session.memory()))
    await settled(session.close())
    del session
    gc.collect()
    with suppress(AttributeError):  # a C library other than glibc keeps its own counsel
        ctypes.CDLL(None).malloc_trim(0)
    return Over(told, memory)


async def _drained(stream: Generation) -> None:
    if isinstance(stream, AsyncIterator):
        async for _ in stream:
            pass
    else:
        for _ in stream:
            pass


_ABORTED = Chunk((), finish=Finish(reason="stop"))
_NO_CLOSE = "generate() returned an iterator that cannot be closed early"


def _broken_off(stream: Iterator[Chunk], chunks: int) -> Iterator[Chunk]:
    for _, chunk in zip(range(chunks), stream, strict=False):
        yield msgspec.structs.replace(chunk, finish=None)
    close = getattr(stream, "close", None)
    if close is None:
        raise RequestError(_NO_CLOSE)
    close()
    yield _ABORTED


async def _broken_off_async(stream: AsyncIterator[Chunk], chunks: int) -> AsyncIterator[Chunk]:
    left = chunks
    while left and (chunk := await anext(stream, None)) is not None:
        yield msgspec.structs.replace(chunk, finish=None)
        left -= 1
    close = getattr(stream, "aclose", None)
    if close is None:
        raise RequestError(_NO_CLOSE)
    await close()
    yield _ABORTED
