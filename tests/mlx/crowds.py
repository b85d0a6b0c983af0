"""Several requests at once, inside the engine's interpreter: `python -m tests.mlx.crowds NAME`.

As `probes`: each public function takes JSON values and returns one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import msgspec

from crossbench.api import BackendError, Chunk, Finish, ModelRef, Needs, Request, Sampling
from crossbench_mlx import crowd as room
from crossbench_mlx.crowd import CrowdSession
from crossbench_mlx.decoder import Decoder
from crossbench_mlx.engine import Mlx
from crossbench_mlx.options import MlxOptions


@contextmanager
def crowd(path: str, streams: int, **options: Any) -> Iterator[CrowdSession]:
    chosen = msgspec.convert({"dtype": "float32"} | options, MlxOptions)
    needs = Needs(context_tokens=512, streams=streams)
    loaded = Mlx().load(ModelRef(path=path, name="tiny"), chosen, needs)
    assert isinstance(loaded, CrowdSession)
    try:
        yield loaded
    finally:
        loaded.close()


def request(length: int, tokens: int, salt: int = 0, **more: Any) -> Request:
    prompt = tuple(20 + (37 * salt + 7 * place) % 1500 for place in range(length))
    sampling = msgspec.convert(more.pop("sampling", {}), Sampling)
    more = {key: tuple(ids) for key, ids in more.items()}
    return Request(id="r", prompt_ids=prompt, max_tokens=tokens, sampling=sampling, **more)


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


def kv_bytes(live: CrowdSession) -> int:
    (memory,) = live.memory().values()
    return memory.kv_bytes or 0


def load_failure(path: str, **options: Any) -> list[str]:
    """Type and message of the error that a load for two at once gives."""
    try:
        with crowd(path, 2, **options):
            return ["none", "it loaded"]
    except BackendError as error:
        return [type(error).__name__, str(error)]


def together(path: str, streams: int, requests: list[dict[str, Any]], **options: Any) -> Any:
    """Each request alone, then all of them at once; what came, and what was proven."""
    given = [request(salt=salt, **each) for salt, each in enumerate(requests)]

    async def main(live: CrowdSession) -> Any:
        alone = [await drained(live.generate(each)) for each in given]
        live.reset()
        crowded = await asyncio.gather(*(drained(live.generate(each)) for each in given))
        return {"alone": alone, "crowded": crowded, "left": kv_bytes(live)}

    with crowd(path, streams, **options) as live:
        return msgspec.to_builtins(asyncio.run(main(live)))


def aborted(path: str) -> Any:
    """One of three is closed early and one cancelled: what the third gives, and the caches."""

    async def main(live: CrowdSession) -> Any:
        whole = request(30, 20, 1)
        before, _ = await drained(live.generate(whole))
        closed = live.generate(request(400, 100, 2))
        await anext(closed)
        cancelled = asyncio.create_task(drained(live.generate(request(40, 100, 3))))
        beside = live.generate(whole)
        ids = [token for _ in range(5) for token in (await anext(beside)).token_ids or ()]
        full = kv_bytes(live)
        await closed.aclose()
        cancelled.cancel()
        await asyncio.wait([cancelled])
        freed = kv_bytes(live)
        rest, finish = await drained(beside)
        unstarted = live.generate(whole)
        await unstarted.aclose()
        after, _ = await drained(live.generate(whole))
        return {
            "full": full,
            "freed": freed,
            "left": kv_bytes(live),
            "before": before,
            "beside": ids + rest,
            "cached": finish.cached_prompt_tokens if finish else None,
            "after": after,
        }

    with crowd(path, 3) as live:
        return asyncio.run(main(live))


def slow(path: str) -> Any:
    """Tokens in each chunk of a request that looks away while another is answered."""

    async def main(live: CrowdSession) -> Any:
        stream = live.generate(request(9, 30, 1))
        counts = [len((await anext(stream)).token_ids or ())]
        await drained(live.generate(request(9, 12, 2)))
        async for chunk in stream:
            counts.append(len(chunk.token_ids or ()))
        return counts

    with crowd(path, 2) as live:
        return asyncio.run(main(live))


def unproven(path: str) -> Any:
    """Prompt tokens said to be cached where the generator is kept from seeing the first five."""

    async def main(live: CrowdSession) -> Any:
        insert = live._generator.insert
        live._generator.insert = lambda prompts, **more: insert([prompts[0][5:]], **more)
        _, finish = await drained(live.generate(request(30, 8)))
        assert finish is not None
        return finish.cached_prompt_tokens

    with crowd(path, 2) as live:
        return asyncio.run(main(live))


def left_over(path: str) -> list[str]:
    """What a request gives whose cache is not empty."""
    with crowd(path, 2) as live:
        used = Decoder(live._model, MlxOptions())
        used.prefill(mx.array([20, 21, 22]))
        vars(room).update(make_prompt_cache=lambda _: list(used.caches))
        return asyncio.run(failed(live.generate(request(9, 3))))


def over(path: str) -> Any:
    """Reset and close under requests."""

    async def main(live: CrowdSession) -> Any:
        asked = request(30, 100)
        paused = live.generate(asked)
        await anext(paused)
        waiting = asyncio.create_task(failed(live.generate(asked)))
        await asyncio.sleep(0)
        live.reset()
        told = [await waiting, await failed(paused), kv_bytes(live)]
        again = live.generate(asked)
        await anext(again)
        live.close()
        told.append(await failed(again))
        try:
            live.generate(asked)
        except BackendError as error:
            told.append([type(error).__name__, str(error)])
        return told

    with crowd(path, 2) as live:
        return asyncio.run(main(live))


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](**json.loads(sys.argv[2])), sys.stdout)
