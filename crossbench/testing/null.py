"""The null engine: a backend without a model that emits tokens on a known schedule.

It stands where an engine would to measure the instrument itself and to prove what the harness does
with an engine that raises, crashes, hangs, forks, prints or lies. Its tokens are `seed + i` modulo
its vocabulary, where the seed is the sum of the prompt's ids and, above temperature zero, of the
request's own seed; it finds every one of them equally likely.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from crossbench.api import (
    Boundary,
    Chunk,
    Device,
    DeviceMemory,
    EngineError,
    Fact,
    Finish,
    Generation,
    Loaded,
    ModelRef,
    Needs,
    Parallelism,
    Request,
    RequestError,
    TokenScore,
    Vocabulary,
)
from crossbench.testing.faults import DAY_S, Fault, suffer
from crossbench.worker.alarm import Alarm

VOCABULARY = 1000
PROMPT_IDS = 1 << 24
"""Prompts of any model's vocabulary are taken: ids below this."""
NS = 1_000_000_000
STAMP_DIGITS = 20
SPIN_S = 0.0015
"""Sleeping wakes late by about this much at most; the rest of a wait is spun by a synchronous
session. An asynchronous one has one alarm for all streams, which is finer and waits for free."""

Place: TypeAlias = Literal["load", "first_token", "mid_stream", "close"]
Script: TypeAlias = Iterator[tuple[float, Any]]
"""What is yielded at which second; a Chunk, unless the script says garbage."""
Seconds = Annotated[float, Meta(ge=0, le=3600)]


class NullOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The script."""

    load_s: Seconds = 0.0
    reset_s: Seconds = 0.0
    """What it takes to drop its caches, of which it has none."""
    ttft_s: Seconds = 0.002
    """From the request to its first chunk."""
    tpot_s: Seconds = 0.0005
    """Time per token after the first chunk."""
    beside_s: Seconds = 0.0
    """How much later the first chunk comes for each request that is already being served."""
    tokens_per_chunk: Annotated[int, Meta(ge=1, le=1024)] = 1
    style: Literal["sync", "async"] = "sync"
    stamped: bool = False
    """Whether the text of each chunk is when it was let go: 20 digits of `perf_counter_ns`."""
    context_tokens: Annotated[int, Meta(ge=1)] = 1 << 20
    cached_prompt_tokens: int | None = 0
    """What it claims to have had cached."""
    fault: Fault | None = None
    fault_at: Place = "first_token"
    fault_on: Annotated[int, Meta(ge=0)] = 0
    """The request that suffers the fault, counted from 0 over the session, warm-ups included."""
    score_fault: Literal["refuse", "raise", "short"] | None = None
    """What is wrong with every score."""
    follows: bool = True
    """Whether it decodes along forced ids."""
    bloat_mib: Annotated[int, Meta(ge=1)] = 4096


class NullEngine:
    """Makes sessions that obey a script."""

    def load(self, model: ModelRef, options: NullOptions, needs: Needs) -> NullSession:
        """Wait `load_s`. The artifact must exist, but nothing of it is read."""
        if not os.path.exists(model.path):  # noqa: PTH110 - keeps pathlib out of the timed import
            raise EngineError(f"artifact {model.path} does not exist")
        time.sleep(options.load_s)
        session = NullSession(options, needs)
        session.suffer("load", options.fault_on)
        return session


class NullSession:
    """A session on no model."""

    def __init__(self, options: NullOptions, needs: Needs) -> None:
        self._options = options
        self._needs = needs
        self._requests = 0
        self._running = 0
        self._alarm: Alarm | None = None

    def describe(self) -> Loaded:
        """Facts of no engine."""
        return Loaded(
            boundary=Boundary.LIBRARY,
            engine_build=Fact("null", "config"),
            parallelism=Fact(Parallelism.NONE, "config"),
            devices=(Device(id="cpu", name="none", kind="other"),),
            context_tokens=Fact(self._options.context_tokens, "config"),
            weight_bytes=Fact(None, "config"),
            parameters=Fact(None, "config"),
            kv_dtype=Fact(None, "config"),
            kv_capacity_tokens=Fact(None, "config"),
            attention=Fact(None, "config"),
            prefix_cache=Fact(False, "config"),
            settings={
                "tokens_per_chunk": Fact[Any](self._options.tokens_per_chunk, "config"),
                "speculative": Fact[Any]("none", "config"),
            },
        )

    def tokenize(self, text: str) -> list[int]:
        """Refused: it has no vocabulary."""
        raise RequestError(f"the null engine has no vocabulary for {len(text)} characters")

    def vocabulary(self) -> Vocabulary:
        """Refused, for the same reason."""
        raise RequestError("the null engine has no vocabulary")

    def score(self, ids: Sequence[int], top_k: int, first: int) -> Sequence[TokenScore]:
        """One in `VOCABULARY` for each."""
        if self._options.score_fault in ("refuse", "raise"):
            suffer(self._options.score_fault, 0)
        if self._options.score_fault == "short":
            ids = ids[:-1]
        logprob = -math.log(VOCABULARY)
        top = tuple((place, logprob) for place in range(top_k))
        return [TokenScore(logprob, top) for _ in ids[first:]]

    def generate(self, request: Request) -> Generation:
        """Emit `max_tokens` tokens on the schedule."""
        number, self._requests = self._requests, self._requests + 1
        if len(request.prompt_ids) + request.max_tokens > self._options.context_tokens:
            raise RequestError(
                f"{len(request.prompt_ids)} prompt + {request.max_tokens} output tokens exceed "
                f"the context of {self._options.context_tokens}"
            )
        least, most = min(request.prompt_ids, default=0), max(request.prompt_ids, default=0)
        if least < 0 or most >= PROMPT_IDS:
            raise RequestError(f"prompt ids span {least} to {most}; allowed: 0 to {PROMPT_IDS - 1}")
        script = self._script(request, number)
        return self._paced(script) if self._options.style == "sync" else self._paced_async(script)

    def memory(self) -> Mapping[str, DeviceMemory]:
        """None held."""
        return {"cpu": DeviceMemory(used_bytes=0)}

    def reset(self) -> None:
        """Nothing is cached; it takes as long as the script says."""
        time.sleep(self._options.reset_s)

    def close(self) -> None:
        """Nothing to free but the alarm."""
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        self.suffer("close", self._options.fault_on)

    def suffer(self, place: Place, number: int) -> None:
        """Do what the script's fault says, if this is its place and its request."""
        options = self._options
        if options.fault is not None and place == options.fault_at and number == options.fault_on:
            suffer(options.fault, options.bloat_mib)

    def _script(self, request: Request, number: int) -> Script:
        """Each chunk with the second, counted from the request, at which it is due."""
        held_up = self._running * self._options.beside_s
        self._running += 1
        try:
            for due, chunk in self._chunks(request, number):
                yield held_up + due, chunk
        finally:
            self._running -= 1

    def _chunks(self, request: Request, number: int) -> Script:
        """As an engine that serves nobody else gives them."""
        options = self._options
        faulty = number == options.fault_on
        total = request.max_tokens
        if faulty and options.fault == "short":
            total = max(1, total // 2)
        seed = sum(request.prompt_ids)
        if request.sampling.temperature > 0:
            seed += request.sampling.seed
        sent = 0
        while sent < total:
            size = min(options.tokens_per_chunk, total - sent)
            place: Place = "first_token" if sent == 0 else "mid_stream"
            self.suffer(place, number)
            forced = request.forced_ids if options.follows else ()
            ids = forced[sent : sent + size] or tuple(
                (seed + i) % VOCABULARY for i in range(sent, sent + size)
            )
            stop = next((i for i in range(len(ids)) if ids[i] in request.stop_ids), None)
            if stop is not None:
                ids, total = ids[: stop + 1], sent + size
            due = options.ttft_s + sent * options.tpot_s
            if faulty and options.fault == "stall" and place == options.fault_at:
                due += DAY_S
            sent += size
            last = sent == total and not (faulty and options.fault == "no_finish")
            finish = (
                Finish(
                    reason="length" if stop is None else "stop",
                    cached_prompt_tokens=options.cached_prompt_tokens,
                )
                if last
                else None
            )
            garbled = faulty and options.fault == "garbage"
            yield due, "no chunk" if garbled else Chunk(ids, finish=finish)

    def _paced(self, script: Script) -> Iterator[Chunk]:
        clock = time.perf_counter
        start = clock()
        for due, chunk in script:
            left = start + due - clock()
            if left > SPIN_S:
                time.sleep(left - SPIN_S)
            while clock() < start + due:
                pass
            yield self._let_go(chunk, time.perf_counter_ns()) if self._options.stamped else chunk

    async def _paced_async(self, script: Script) -> AsyncIterator[Chunk]:
        alarm = self._awake()
        start = time.perf_counter_ns()
        for due, chunk in script:
            now = await alarm.until(start + int(due * NS))
            yield self._let_go(chunk, now) if self._options.stamped else chunk

    def _let_go(self, chunk: Any, now: int) -> Any:
        return replace(chunk, text=f"{now:0{STAMP_DIGITS}d}")

    def _awake(self) -> Alarm:
        """The alarm of the running loop."""
        if self._alarm is not None and self._alarm.loop is not asyncio.get_running_loop():
            self._alarm.close()
            self._alarm = None
        if self._alarm is None:
            self._alarm = Alarm()
        return self._alarm
