"""What is asked of sessions inside the engine's interpreter: `python -m tests.vllm.probes NAME`.

Each public function takes JSON values and returns one. They are for what no message to a worker
can ask: closing streams early, closing and loading again, loads that fail one after the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from crossbench.api import BackendError, Chunk, ModelRef, Needs, Request
from crossbench_vllm.engine import Vllm
from crossbench_vllm.options import VllmOptions

PROMPT = tuple(range(20, 120))
CONTEXT = 512


async def load(path: str, options: dict[str, Any], **needs: Any) -> Any:
    wanted = Needs(**({"context_tokens": CONTEXT} | needs))
    chosen = msgspec.convert(options, VllmOptions)
    return await Vllm().load(ModelRef(path=path, name="tiny"), chosen, wanted)


def request(tokens: int, prompt: Sequence[int] = PROMPT) -> Request:
    return Request(id="r", prompt_ids=tuple(prompt), max_tokens=tokens)


async def chunks(session: Any, asked: Request) -> list[Chunk]:
    return [chunk async for chunk in session.generate(asked)]


def ids(came: Sequence[Chunk]) -> list[int]:
    return [token for chunk in came for token in chunk.token_ids or ()]


async def reset_s(session: Any) -> float:
    """A reset waits until no block of the KV cache is in use, so it tells of a leak."""
    began = time.monotonic()
    await session.reset()
    return time.monotonic() - began


async def error_of(attempt: Callable[[], Awaitable[Any]]) -> list[str]:
    try:
        await attempt()
    except BackendError as error:
        return [type(error).__name__, str(error)]
    return ["", ""]


async def _lifecycle(model: str, options: dict[str, Any]) -> Any:
    told: dict[str, Any] = {"variable_before": os.environ.get("VLLM_NO_USAGE_STATS")}
    session = await load(model, options)
    told["logits_processors"] = session._config.model_config.logits_processors
    told["whole"] = ids(await chunks(session, request(24)))
    rendezvous = Path((await session._facts())[0]["rendezvous"].removeprefix("file://"))
    told["rendezvous_when_open"] = rendezvous.exists()

    stream = session.generate(request(400))
    for _ in range(3):
        await anext(stream)
    told["running_when_open"] = session._engine.output_processor.get_num_unfinished_requests()
    await stream.aclose()
    told["running_when_closed"] = session._engine.output_processor.get_num_unfinished_requests()
    told["reset_after_abort_s"] = await reset_s(session)

    unstarted = session.generate(request(5))
    await unstarted.aclose()
    forgotten = session.generate(request(400))
    await anext(forgotten)
    told["reset_over_a_stream_s"] = await reset_s(session)
    told["cut_off"] = await error_of(lambda: _drain(forgotten))
    told["after_abort"] = ids(await chunks(session, request(24)))

    stream = session.generate(request(400))
    await anext(stream)
    began = time.monotonic()
    session.close()
    told["close_s"] = time.monotonic() - began
    session.close()
    told["after_close"] = await error_of(lambda: chunks(session, request(1)))
    told["left"] = [child.name() for child in _engine_processes()]
    told["rendezvous_when_closed"] = rendezvous.exists()
    told["variable_after"] = os.environ.get("VLLM_NO_USAGE_STATS")
    return told | {"second": await _second(model, options)}


async def _second(model: str, options: dict[str, Any]) -> Any:
    """Another load in the same process, its prefix cache on."""
    session = await load(model, options | {"enable_prefix_caching": True})
    told: dict[str, Any] = {"prefix_cache": (await session.describe()).prefix_cache.value}
    prompt = [20 + 7 * place % 1500 for place in range(300)]
    told["cached"] = []
    for fresh in (True, False, True):
        if fresh:
            await session.reset()
        came = await chunks(session, request(4, prompt))
        told["cached"].append(came[-1].finish.cached_prompt_tokens if came[-1].finish else None)
    told["whole"] = ids(await chunks(session, request(24)))
    told["broken"] = await _broken(session)
    session.close()
    told["left"] = [child.name() for child in _engine_processes()]
    return told


async def _broken(session: Any) -> list[str]:
    """Kill the engine core under a stream: what the stream says."""
    stream = session.generate(request(400))
    await anext(stream)
    for child in _engine_processes():
        child.kill()
    return await error_of(lambda: _drain(stream))


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


def _engine_processes() -> list[psutil.Process]:
    """Living children, but for Python's own tracker of shared memory."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
        and "resource_tracker" not in " ".join(child.cmdline())
    ]


def lifecycle(model: str, options: dict[str, Any]) -> Any:
    """Abort, close and load again."""
    return asyncio.run(_lifecycle(model, options))


def refusals(attempts: list[dict[str, Any]]) -> list[list[str]]:
    """Type and message of the error of each load: `path`, `options` and `needs`."""

    async def each(path: str, options: dict[str, Any], needs: dict[str, Any]) -> list[str]:
        told = await error_of(lambda: load(path, options, **needs))
        return [*told, str(len(_engine_processes()))]

    async def every() -> list[list[str]]:
        return [await each(**attempt) for attempt in attempts]

    return asyncio.run(every())


if __name__ == "__main__":
    outcome = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")
