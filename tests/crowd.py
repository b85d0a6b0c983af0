"""What every engine that serves several requests at once is put through, in its interpreter.

An engine's own `crowds` loads it, and says what its caches hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol

from crossbench.api import BackendError, Chunk, Finish, Request


class Crowd(Protocol):
    """A session of several requests at once, as far as it is used here."""

    def generate(self, request: Request) -> AsyncGenerator[Chunk, None]: ...

    def reset(self) -> None: ...


async def drained(stream: AsyncGenerator[Chunk, None]) -> tuple[list[int], Finish | None]:
    ids: list[int] = []
    finish = None
    async for chunk in stream:
        ids += chunk.token_ids or ()
        finish = chunk.finish
    return ids, finish


async def failed(stream: AsyncGenerator[Chunk, None]) -> list[str]:
    """Type and message of what it raises."""
    try:
        await drained(stream)
    except BackendError as error:
        return told(error)
    return ["none", ""]


def failed_at_once(live: Crowd, asked: Request) -> list[str]:
    """The same of what is raised before there is a stream."""
    try:
        live.generate(asked)
    except BackendError as error:
        return told(error)
    return ["none", ""]


def told(error: BackendError) -> list[str]:
    return [type(error).__name__, str(error)]


async def together(live: Crowd, given: Sequence[Request], held: Callable[[], Any]) -> Any:
    """Each request alone, then all of them at once: what came, and what the caches then hold."""
    alone = [await drained(live.generate(each)) for each in given]
    live.reset()
    crowded = await asyncio.gather(*(drained(live.generate(each)) for each in given))
    return {"alone": alone, "crowded": crowded, "left": held()}


async def abandoned(
    live: Crowd, whole: Request, closed: Request, cancelled: Request, held: Callable[[], Any]
) -> Any:
    """Of three, one is closed early and one cancelled: what caches hold, and the third gives."""
    before, _ = await drained(live.generate(whole))
    leaving = live.generate(closed)
    await anext(leaving)
    losing = asyncio.create_task(drained(live.generate(cancelled)))
    beside = live.generate(whole)
    ids = [token for _ in range(5) for token in (await anext(beside)).token_ids or ()]
    full = held()
    await leaving.aclose()
    losing.cancel()
    await asyncio.wait([losing])
    freed = held()
    rest, finish = await drained(beside)
    unstarted = live.generate(whole)
    await unstarted.aclose()
    after, _ = await drained(live.generate(whole))
    return {
        "full": full,
        "freed": freed,
        "left": held(),
        "before": before,
        "beside": ids + rest,
        "cached": finish.cached_prompt_tokens if finish else None,
        "after": after,
    }
