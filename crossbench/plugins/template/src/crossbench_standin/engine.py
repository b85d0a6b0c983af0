"""The engine, imported only inside the worker, in the engine's own environment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from crossbench.api import (
    Boundary,
    Chunk,
    Device,
    DeviceMemory,
    EngineError,
    Fact,
    Finish,
    Loaded,
    ModelRef,
    Needs,
    Parallelism,
    Request,
    RequestError,
    Vocabulary,
)

from crossbench_standin.options import Options


class Engine:
    """The backend: loads models."""

    def load(self, model: ModelRef, options: Options, needs: Needs) -> Session:
        """Load the artifact, or raise EngineError with the cause."""
        if not Path(model.path).exists():
            raise EngineError(f"{model.path} does not exist; name a model file or folder")
        return Session(Model(options.token_s), needs)


class Session:
    """A loaded model. Reads no clock: crossbench stamps each chunk as it arrives."""

    def __init__(self, model: Model, needs: Needs) -> None:
        self._model = model
        self._context_tokens = needs.context_tokens

    def describe(self) -> Loaded:
        """What the engine resolved, not what it was asked; None for what it does not tell."""
        return Loaded(
            boundary=Boundary.LIBRARY,
            engine_build=Fact("stand-in", "config"),
            parallelism=Fact(Parallelism.NONE, "config"),
            devices=(Device(id="cpu", name="processor", kind="cpu"),),
            context_tokens=Fact(self._context_tokens, "config"),
            weight_bytes=Fact(None, "api"),
            parameters=Fact(None, "api"),
            kv_dtype=Fact(None, "api"),
            kv_capacity_tokens=Fact(None, "api"),
            attention=Fact(None, "api"),
            prefix_cache=Fact(False, "config"),
        )

    def tokenize(self, text: str) -> list[int]:
        """Ids of a text by the artifact's own tokenizer."""
        raise RequestError(f"the stand-in has no tokenizer for {len(text)} characters")

    def vocabulary(self) -> Vocabulary:
        """The bytes of each id, so that they can be held against the suite's tokenizer."""
        raise RequestError("the stand-in has no vocabulary")

    def generate(self, request: Request) -> Iterator[Chunk]:
        """Yield each token when it is there; the last chunk carries the finish."""
        total = len(request.prompt_ids) + request.max_tokens
        if total > self._context_tokens:
            raise RequestError(f"{total} tokens; the context holds {self._context_tokens}")
        if not all(0 <= token < VOCABULARY for token in request.prompt_ids):
            raise RequestError(f"an id outside of 0 to {VOCABULARY - 1}")
        self._model.read(request.prompt_ids)
        for number in range(1, request.max_tokens + 1):
            token = self._model.next()
            finish = None
            if token in request.stop_ids:
                finish = Finish(reason="stop", cached_prompt_tokens=0)
            elif number == request.max_tokens:
                finish = Finish(reason="length", cached_prompt_tokens=0)
            yield Chunk((token,), finish=finish)
            if finish is not None:
                return

    def memory(self) -> Mapping[str, DeviceMemory]:
        """The engine's own split of its memory, by device."""
        return {}

    def reset(self) -> None:
        """Drop every cached prefix; the stand-in has none."""

    def close(self) -> None:
        """Free the model."""


# FILL IN: your engine in the place of this class, and of what the session says of it.
VOCABULARY = 1 << 20
PRINTED = range(32, 127)
MODULUS = 2**31 - 1


class Model:
    """The stand-in: each token is a hash of all before it, and takes some time."""

    def __init__(self, token_s: float) -> None:
        self._token_s = token_s
        self._state = 1

    def read(self, ids: tuple[int, ...]) -> None:
        """Compute a prompt."""
        self._state = 1
        for token in ids:
            self._state = (self._state * 48271 + token + 1) % MODULUS

    def next(self) -> int:
        """The token that follows, which is then part of what was read."""
        time.sleep(self._token_s)
        token = PRINTED[self._state % len(PRINTED)]
        self._state = (self._state * 48271 + token + 1) % MODULUS
        return token
