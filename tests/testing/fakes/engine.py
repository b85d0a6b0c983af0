"""The fake engine: backend and session in one, so that a defect is one subclass.

Several requests at once take turns, token by token; each holds its room in a KV cache until it is
done, refused or aborted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias

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
from tests.testing.fakes import model

Reason: TypeAlias = Literal["length", "stop"]
WEIGHTS = 24 << 20
DECODE_S = 2e-4
"""What a token takes besides its arithmetic, so that streaming shows."""


class Fake:
    """A backend that keeps every promise."""

    needs: Needs
    room: int
    """Tokens that the KV cache has left."""
    weights: bytearray | None

    def load(self, model: ModelRef, options: Any, needs: Needs) -> Fake:
        if not Path(model.path).exists():
            raise EngineError(f"{model.path} does not exist")
        session = type(self)()
        session.needs = needs
        session.room = needs.context_tokens * needs.streams
        session.weights = bytearray(b"w" * WEIGHTS)
        return session

    def describe(self) -> Loaded:
        return Loaded(
            boundary=Boundary.LIBRARY,
            engine_build=Fact("fake", "config"),
            parallelism=Fact(Parallelism.NONE, "config"),
            devices=(Device(id="cpu", name="fake", kind="cpu"),),
            context_tokens=Fact(self.needs.context_tokens, "config"),
            weight_bytes=Fact(WEIGHTS, "config"),
            parameters=Fact(None, "config"),
            kv_dtype=Fact(None, "config"),
            kv_capacity_tokens=Fact(self.needs.context_tokens * self.needs.streams, "config"),
            attention=Fact(None, "config"),
            prefix_cache=Fact(False, "config"),
        )

    async def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(tokens=model.TOKENS, bos_id=model.BOS, adds_bos=False, chat_template=None)

    def memory(self) -> Mapping[str, DeviceMemory]:
        return {"cpu": DeviceMemory(weights_bytes=WEIGHTS)}

    async def reset(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.weights = None

    def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        rows = [self.row(ids[:place]) for place in range(first, len(ids))]
        return [
            TokenScore(row[token], self.top(row, top_k))
            for token, row in zip(ids[first:], rows, strict=True)
        ]

    def row(self, ids: Sequence[int]) -> list[float]:
        return model.logprobs(model.after(ids))

    def top(self, row: list[float], top_k: int) -> tuple[tuple[int, float], ...]:
        return tuple(sorted(enumerate(row), key=lambda each: -each[1])[:top_k])

    def generate(self, request: Request) -> Generation:
        self.check(request)
        return self.stream(request)

    def check(self, request: Request) -> None:
        asked = len(request.prompt_ids) + request.max_tokens
        if asked > self.needs.context_tokens:
            raise RequestError(f"{asked} tokens; allowed are {self.needs.context_tokens}")
        if not all(0 <= token < model.SIZE for token in request.prompt_ids):
            raise RequestError(f"an id is outside of 0 to {model.SIZE - 1}")

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        tokens = self.tokens(request)
        try:
            for chunk in tokens:
                yield chunk
                await asyncio.sleep(0)
        finally:
            tokens.close()

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        self.take(request)
        try:
            state, cached = self.prefill(request.prompt_ids)
            random = Random(request.sampling.seed)
            for number in range(request.max_tokens):
                token = self.choose(request, number, state, random)
                state = model.step(state, token)
                time.sleep(DECODE_S)
                reason = self.reason(request, number, token)
                finish = Finish(reason=reason, cached_prompt_tokens=cached) if reason else None
                yield Chunk((token,), self.text(token), finish)
                if reason:
                    break
        finally:
            self.free(request)

    def take(self, request: Request) -> None:
        wanted = len(request.prompt_ids) + request.max_tokens
        if wanted > self.room:
            raise RequestError(f"{wanted} tokens do not fit the {self.room} left")
        self.room -= wanted

    def free(self, request: Request) -> None:
        self.room += len(request.prompt_ids) + request.max_tokens

    def prefill(self, ids: tuple[int, ...]) -> tuple[int, int | None]:
        """The state after the prompt, and how much of it was there already."""
        return model.after(ids), 0

    def choose(self, request: Request, number: int, state: int, random: Random) -> int:
        if request.forced_ids:
            return request.forced_ids[number]
        if request.sampling.temperature > 0:
            return model.draw(state, request.sampling.temperature, random)
        return model.best(state)

    def reason(self, request: Request, number: int, token: int) -> Reason | None:
        if token in request.stop_ids:
            return "stop"
        return "length" if number == request.max_tokens - 1 else None

    def text(self, token: int) -> str | None:
        return model.TOKENS[token].decode("utf-8", "replace")
