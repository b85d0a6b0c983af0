"""Several requests at once, in the engine's interpreter: `python -m tests.llamacpp.crowds NAME`.

As `probes`: each public function takes JSON values and returns one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llama_cpp
import msgspec

from crossbench.api import BackendError, Request
from crossbench_llamacpp.crowd import CrowdSession
from tests import crowd as acts
from tests.crowd import drained, failed, failed_at_once
from tests.llamacpp.probes import opened, prompt_of, request


@contextmanager
def crowd(model: str, streams: int, context: int = 512, **options: Any) -> Iterator[CrowdSession]:
    with opened(model, context, streams, **options) as loaded:
        assert isinstance(loaded, CrowdSession)
        yield loaded


def requests_of(told: list[dict[str, Any]]) -> list[Request]:
    return [request(prompt_of(each.pop("length"), salt), **each) for salt, each in enumerate(told)]


def held(live: CrowdSession, streams: int) -> list[int]:
    """The last position that the cache holds of each sequence; -1 for none."""
    return [int(llama_cpp.llama_memory_seq_pos_max(live._cache, seat)) for seat in range(streams)]


def together(model: str, streams: int, requests: list[dict[str, Any]], **options: Any) -> Any:
    given = requests_of(requests)
    with crowd(model, streams, **options) as live:
        acted = acts.together(live, given, lambda: held(live, streams))
        return msgspec.to_builtins(asyncio.run(acted))


def aborted(model: str) -> Any:
    whole = request(prompt_of(30, 1), 20)
    closed, cancelled = request(prompt_of(40, 2), 200), request(prompt_of(50, 3), 200)
    with crowd(model, 3) as live:
        acted = acts.abandoned(live, whole, closed, cancelled, lambda: held(live, 3))
        return asyncio.run(acted)


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
        return [*told, failed_at_once(live, asked)]

    with crowd(model, 2) as live:
        return asyncio.run(main(live))


if __name__ == "__main__":
    outcome = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(outcome))
