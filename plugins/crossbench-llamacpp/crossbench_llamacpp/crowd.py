"""Several requests at once: sequences of one context, computed together, each sampled alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from crossbench.api import Chunk, Finish, Request, RequestError
from crossbench_llamacpp.loaded import LoadedModel, Parts
from crossbench_llamacpp.perf import all_computed
from crossbench_llamacpp.sampling import along, sampler
from crossbench_llamacpp.scheduler import Scheduler, Sequence


class CrowdSession(LoadedModel):
    """A loaded model that serves many requests at once, on asynchronous iterators."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        streams = llama_cpp.llama_n_seq_max(parts.context)
        self._scheduler = Scheduler(self._batch, streams, self._compute, self._free)

    def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Stream one continuation, a token a chunk; see `LlamaCppSession.generate`.

        More requests than the load has sequences wait for one, in the order in which they came.
        """
        self._check_open()
        return self._stream(request, self._checked(request))

    def _in_flight(self) -> bool:
        return bool(self._scheduler.live)

    def _abort(self) -> None:
        self._scheduler.end()

    async def _stream(
        self, request: Request, prompt: NDArray[np.int32]
    ) -> AsyncGenerator[Chunk, None]:
        scheduler = self._scheduler
        forced = request.forced_ids
        stops = frozenset(() if forced else request.stop_ids)
        sequence = await scheduler.enter(prompt)
        try:
            self._begin_sequence(sequence)
            with sampler(
                request.sampling,
                self._context,
                lambda: int(scheduler.logits[sequence.row].argmax()),
                lambda: sequence.row,
            ) as choose:
                sample = along(forced, choose) if forced else choose
                await scheduler.prefill(sequence)
                for _ in range(request.max_tokens - 1):
                    token = sample()
                    if token in stops:
                        yield self._last(token, sequence, "stop")
                        return
                    yield Chunk((token,))
                    await scheduler.follow(sequence, token)
                token = sample()
                yield self._last(token, sequence, "stop" if token in stops else "length")
        finally:
            scheduler.leave(sequence)

    def _begin_sequence(self, sequence: Sequence) -> None:
        """Check that its cache is empty; where it is alone, set log and counters to nothing."""
        self._check_open()
        self._check_empty(sequence.seat)
        if len(self._scheduler.live) == 1:
            self._log.clear()
            llama_cpp.llama_perf_context_reset(self._context)
            self._scheduler.fed = 0

    def _compute(self, wanted: int) -> NDArray[np.float32]:
        if code := llama_cpp.llama_decode(self._context, self._batch.raw):
            raise self._decode_error(code)
        return self._logits.rows(wanted)

    def _free(self, seat: int) -> None:
        if self._context is not None:
            llama_cpp.llama_memory_seq_rm(self._cache, seat, 0, -1)

    def _last(self, token: int, sequence: Sequence, reason: Literal["length", "stop"]) -> Chunk:
        """The last chunk. Its prompt was computed whole where llama.cpp's counters, which are of
        all requests together, show no token less than it was fed."""
        if np.isnan(self._scheduler.logits[sequence.row][token]):
            raise RequestError("the model's logits are not numbers; its output means nothing")
        perf = llama_cpp.llama_perf_context(self._context)
        cold = all_computed(perf, self._scheduler.fed)
        return Chunk(
            (token,), finish=Finish(reason=reason, cached_prompt_tokens=0 if cold else None)
        )
