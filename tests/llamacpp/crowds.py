"""Several requests at once, in the engine's interpreter: `python -m tests.llamacpp.crowds NAME`.

As `probes`: each public function takes JSON values and returns one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import llama_cpp
import msgspec

from crossbench.api import BackendError, Chunk, Finish, Request
from crossbench_llamacpp.crowd import CrowdSession
from tests.llamacpp.probes import opened, prompt_of, request


@contextmanager
def crowd(model: str, streams: int, context: int = 512, **options: Any) -> Iterator[CrowdSession]:
    with opened(model, context, streams, **options) as loaded:
        assert isinstance(loaded, CrowdSession)
        yield loaded


def requests_of(told: list[dict[str, Any]]) -> list[Request]:
    return [request(prompt_of(each.pop("length"), salt), **each) for salt, each in enumerate(told)]


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
        return [type(error).__name__, str(error)]
    return ["none", ""]


def held(live: CrowdSession, seat: int) -> int:
    """The last position that the cache holds of a sequence; -1 for none."""
    return int(llama_cpp.llama_memory_seq_pos_max(live._cache, seat))


def together(model: str, streams: int, requests: list[dict[str, Any]], **options: Any) -> Any:
    """Each request alone, then all of them at once; what came, and what was proven."""
    given = requests_of(requests)

    async def main(live: CrowdSession) -> Any:
        alone = [await drained(live.generate(each)) for each in given]
        live.reset()
        crowded = await asyncio.gather(*(drained(live.generate(each)) for each in given))
        left = [held(live, seat) for seat in range(streams)]
        return {"alone": alone, "crowded": crowded, "left": left}

    with crowd(model, streams, **options) as live:
        told = asyncio.run(main(live))
    return msgspec.to_builtins(told)


def aborted(model: str) -> Any:
    """One of three is closed early and one cancelled: what the cache then holds, and the third."""

    async def main(live: CrowdSession) -> Any:
        whole = request(prompt_of(30, 1), 20)
        before, _ = await drained(live.generate(whole))
        closed = live.generate(request(prompt_of(40, 2), 200))
        await anext(closed)
        cancelled = asyncio.create_task(drained(live.generate(request(prompt_of(50, 3), 200))))
        beside = live.generate(whole)
        ids = [token for _ in range(5) for token in (await anext(beside)).token_ids or ()]
        full = [held(live, seat) for seat in range(3)]
        await closed.aclose()
        cancelled.cancel()
        await asyncio.wait([cancelled])
        freed = [held(live, seat) for seat in range(3)]
        rest, finish = await drained(beside)
        unstarted = live.generate(whole)
        await unstarted.aclose()
        after, _ = await drained(live.generate(whole))
        return {
            "full": full,
            "freed": freed,
            "before": before,
            "beside": ids + rest,
            "cached": finish.cached_prompt_tokens if finish else None,
            "after": after,
        }

    with crowd(model, 3) as live:
        return asyncio.run(main(live))


def unproven(model: str) -> Any:
    """What is said to be cached where llama.cpp's counters show less than it was fed."""

    async def main(live: CrowdSession) -> Any:
        stream = live.generate(request(prompt_of(30), 8))
        await anext(stream)
        llama_cpp.llama_perf_context_reset(live._context)
        _, finish = await drained(stream)
        assert finish is not None
        return finish.cached_prompt_tokens

    with crowd(model, 2) as live:
        return asyncio.run(main(live))


def left_over(model: str) -> list[str]:
    """What a request gives where the cache of its sequence is not empty."""

    async def main(live: CrowdSession) -> list[str]:
        stream = live.generate(request(prompt_of(30), 8))
        await anext(stream)
        llama_cpp.llama_memory_seq_cp(live._cache, 0, 1, -1, -1)
        return await failed(live.generate(request(prompt_of(9), 3)))

    with crowd(model, 2) as live:
        return asyncio.run(main(live))


def over(model: str) -> Any:
    """Reset and close under requests, and a score beside one."""

    async def main(live: CrowdSession) -> Any:
        asked = request(prompt_of(30), 100)
        paused = live.generate(asked)
        await anext(paused)
        waiting = asyncio.create_task(failed(live.generate(asked)))
        await asyncio.sleep(0)
        try:
            beside = str(live.score(prompt_of(9), 0, 1))
        except BackendError as error:
            beside = str(error)
        live.reset()
        told: list[Any] = [beside, await waiting, await failed(paused)]
        scored = len(live.score(prompt_of(9), 0, 1))
        again, other = live.generate(asked), live.generate(asked)
        await anext(again)
        await anext(other)
        queued = asyncio.create_task(failed(live.generate(asked)))
        await asyncio.sleep(0)
        live.close()
        told += [scored, await failed(again), await queued, await failed(other)]
        return [*told, await failed_at_once(live, asked)]

    async def failed_at_once(live: CrowdSession, asked: Request) -> list[str]:
        try:
            live.generate(asked)
        except BackendError as error:
            return [type(error).__name__, str(error)]
        return ["none", ""]

    with crowd(model, 2) as live:
        return asyncio.run(main(live))


if __name__ == "__main__":
    outcome = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(outcome))
