"""Several requests at once, inside the engine's interpreter: `python -m tests.mlx.crowds NAME`.

As `probes`: each public function takes JSON values and returns one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import msgspec

from crossbench.api import BackendError, ModelRef, Needs, Request, Sampling
from crossbench_mlx import crowd as room
from crossbench_mlx.crowd import CrowdSession
from crossbench_mlx.decoder import Decoder
from crossbench_mlx.engine import Mlx
from crossbench_mlx.options import MlxOptions
from tests import crowd as acts
from tests.crowd import drained, failed, failed_at_once, told


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


def kv_bytes(live: CrowdSession) -> int:
    (memory,) = live.memory().values()
    return memory.kv_bytes or 0


def load_failure(path: str, **options: Any) -> list[str]:
    """Type and message of the error that a load for two at once gives."""
    try:
        with crowd(path, 2, **options):
            return ["none", "it loaded"]
    except BackendError as error:
        return told(error)


def together(path: str, streams: int, requests: list[dict[str, Any]], **options: Any) -> Any:
    given = [request(salt=salt, **each) for salt, each in enumerate(requests)]
    with crowd(path, streams, **options) as live:
        acted = acts.together(live, given, lambda: kv_bytes(live))
        return msgspec.to_builtins(asyncio.run(acted))


def aborted(path: str) -> Any:
    whole, closed, cancelled = request(30, 20, 1), request(400, 100, 2), request(40, 100, 3)
    with crowd(path, 3) as live:
        acted = acts.abandoned(live, whole, closed, cancelled, lambda: kv_bytes(live))
        return asyncio.run(acted)


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
        found = [await waiting, await failed(paused), kv_bytes(live)]
        again = live.generate(asked)
        await anext(again)
        live.close()
        return [*found, await failed(again), failed_at_once(live, asked)]

    with crowd(path, 2) as live:
        return asyncio.run(main(live))


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](**json.loads(sys.argv[2])), sys.stdout)
