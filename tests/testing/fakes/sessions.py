"""Fake engines that serve several requests, load, close or describe wrongly."""

from __future__ import annotations

import asyncio
import atexit
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Generator, Mapping
from itertools import count
from random import Random
from typing import Any

from msgspec.structs import replace

from crossbench.api import (
    Chunk,
    Device,
    DeviceMemory,
    EngineError,
    Generation,
    Loaded,
    ModelRef,
    Needs,
    Request,
    RequestError,
)
from tests.testing.fakes.engine import Fake


class MixesStreams(Fake):
    """Lets requests that run at once share one state."""

    _running = 0

    def take(self, request: Request) -> None:
        super().take(request)
        self._running += 1

    def free(self, request: Request) -> None:
        super().free(request)
        self._running -= 1

    def choose(self, request: Request, number: int, state: int, random: Random) -> int:
        return super().choose(request, number, state + self._running - 1, random)


class OneAtATime(Fake):
    """Declares BATCH and makes each request wait for the one before."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        async with self._lock:
            async for chunk in super().stream(request):
                yield chunk


class Synchronous(Fake):
    """Declares BATCH and returns synchronous iterators."""

    def generate(self, request: Request) -> Generation:
        self.check(request)
        return self.tokens(request)


class AbortLeaks(Fake):
    """Frees the cache of those requests only that were answered to the end."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        whole = False
        try:
            for chunk in super().tokens(request):
                whole = chunk.finish is not None
                yield chunk
        finally:
            if not whole:
                self.room -= len(request.prompt_ids) + request.max_tokens


class AbortHurtsOthers(Fake):
    """Ends every stream where one is broken off."""

    _broken = 0

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        known, whole = self._broken, False
        try:
            for chunk in super().tokens(request):
                if self._broken != known:
                    raise RequestError("the batch was broken off")
                whole = chunk.finish is not None
                yield chunk
        finally:
            if not whole:
                self._broken += 1


class LoadsOnce(Fake):
    """Cannot load a second time in one process."""

    _loads = count()

    def load(self, model: ModelRef, options: Any, needs: Needs) -> Fake:
        session = super().load(model, options, needs)
        if next(self._loads):
            raise EngineError("the engine is initialised already")
        return session


class UntypedLoadError(Fake):
    """Lets a FileNotFoundError through."""

    def load(self, model: ModelRef, options: Any, needs: Needs) -> Fake:
        os.stat(model.path)  # noqa: PTH116 - what raises here is the point
        return super().load(model, options, needs)


class Leaks(Fake):
    """Keeps its weights when it is closed."""

    _kept: list[object] = []  # noqa: RUF012 - what is kept for ever is the point

    async def close(self) -> None:
        self._kept.append(self.weights)


class LeavesAChild(Fake):
    """Starts a helper in a session of its own and forgets it."""

    def load(self, model: ModelRef, options: Any, needs: Needs) -> Fake:
        session = super().load(model, options, needs)
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL)
        return session


class ExitsBadly(Fake):
    """Cannot leave as a program should."""

    async def close(self) -> None:
        await super().close()
        atexit.register(os._exit, 3)


class NumbersItsDevices(Fake):
    """Names a device by its index."""

    def describe(self) -> Loaded:
        return replace(super().describe(), devices=(Device(id="0", name="fake", kind="cpu"),))

    def memory(self) -> Mapping[str, DeviceMemory]:
        return {"0": DeviceMemory(used_bytes=1)}


class StrangeMemory(Fake):
    """Tells the memory of a device that it does not describe."""

    def memory(self) -> Mapping[str, DeviceMemory]:
        return {"0": DeviceMemory(weights_bytes=1)}


class OtherNames(Fake):
    """Names its parameters otherwise, so that a call by name fails."""

    def load(self, artifact: ModelRef, options: Any, needs: Needs) -> Fake:
        return super().load(artifact, options, needs)
