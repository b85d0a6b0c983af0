"""One request at a time: one sequence, prefilled cold, sampled and decoded one token at a time.

Greedy tokens are the argmax of llama.cpp's logits, read in place: at a vocabulary of 128 thousand
its own sampler chain takes six times as long. Above temperature zero llama.cpp's samplers draw. A
token is yielded as soon as it is sampled, before the next one is decoded.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Literal

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from crossbench.api import Chunk, Finish, Request, RequestError
from crossbench_llamacpp.batch import Batch
from crossbench_llamacpp.loaded import LoadedModel, Parts
from crossbench_llamacpp.perf import cached_prompt_tokens, native
from crossbench_llamacpp.sampling import along, sampler


class LlamaCppSession(LoadedModel):
    """A loaded model that serves one request at a time, on a synchronous iterator."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._token_batch = Batch(1)
        self._stream: weakref.ref[Generator[Chunk, None, None]] | None = None

    def generate(self, request: Request) -> Generator[Chunk, None, None]:
        """Stream one continuation, a token a chunk. A stop id ends it and is its last token.

        Along forced ids each token is chosen all the same, so that a step is the same work.

        Raises RequestError when the request cannot be served, EngineError when decoding breaks.
        """
        if self._in_flight():
            raise RequestError("another request is in flight; this load serves one at a time")
        self._check_open()
        stream = self._generate(request, self._checked(request))
        self._stream = weakref.ref(stream)
        return stream

    def _in_flight(self) -> bool:
        return self._running() is not None

    def _abort(self) -> None:
        if (stream := self._running()) is not None:
            stream.close()

    def _running(self) -> Generator[Chunk, None, None] | None:
        """The stream that is neither exhausted nor closed nor forgotten, if there is one."""
        stream = self._stream() if self._stream else None
        if stream is None or getgeneratorstate(stream) == GEN_CLOSED:
            return None
        return stream

    def _generate(
        self, request: Request, prompt: NDArray[np.int32]
    ) -> Generator[Chunk, None, None]:
        context, batch = self._context, self._token_batch.raw
        decode, token_at, position_at = llama_cpp.llama_decode, batch.token, batch.pos
        forced = request.forced_ids
        stops = frozenset(() if forced else request.stop_ids)
        last = len(prompt) + request.max_tokens - 1
        batch.logits[0] = 1
        try:
            with sampler(request.sampling, context, self._logits.argmax) as choose:
                sample = along(forced, choose) if forced else choose
                self._prefill(prompt)
                for position in range(len(prompt), last):
                    token = sample()
                    if token in stops:
                        yield self._last(token, len(prompt), position, "stop")
                        return
                    yield Chunk((token,))
                    token_at[0] = token
                    position_at[0] = position
                    if code := decode(context, batch):
                        raise self._decode_error(code)
                token = sample()
                yield self._last(token, len(prompt), last, "stop" if token in stops else "length")
        finally:
            if self._context is not None:
                llama_cpp.llama_memory_clear(self._cache, False)

    def _prefill(self, prompt: NDArray[np.int32]) -> None:
        """Compute the whole prompt in an empty sequence, with logits for its last token only."""
        self._begin()
        for start in range(0, len(prompt), self._batch.capacity):
            piece = prompt[start : start + self._batch.capacity]
            self._decode(piece, start, wanted=start + len(piece) == len(prompt))

    def _last(
        self, token: int, prompt: int, position: int, reason: Literal["length", "stop"]
    ) -> Chunk:
        """The last chunk, which carries the proof that the prompt was computed."""
        if np.isnan(self._logits.row()[token]):
            raise RequestError("the model's logits are not numbers; its output means nothing")
        perf = llama_cpp.llama_perf_context(self._context)
        produced = position - prompt + 1
        return Chunk(
            (token,),
            finish=Finish(
                reason=reason,
                cached_prompt_tokens=cached_prompt_tokens(perf, prompt, produced),
                native=native(perf, prompt, produced),
            ),
        )
