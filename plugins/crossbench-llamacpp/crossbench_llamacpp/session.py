"""A loaded model: one sequence, prefilled cold, sampled and decoded one token at a time.

Greedy tokens are the argmax of llama.cpp's logits, read in place: at a vocabulary of 128 thousand
its own sampler chain takes six times as long. Above temperature zero llama.cpp's samplers draw. A
token is yielded as soon as it is sampled, before the next one is decoded.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Mapping, Sequence
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, Literal

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from crossbench.api import (
    Chunk,
    DeviceMemory,
    EngineError,
    Finish,
    Loaded,
    Request,
    RequestError,
    TokenScore,
    Vocabulary,
)
from crossbench_llamacpp import describe, scoring, vocabulary
from crossbench_llamacpp.batch import SEQUENCE, Batch
from crossbench_llamacpp.failures import failure
from crossbench_llamacpp.library import EngineDevice
from crossbench_llamacpp.log import EngineLog
from crossbench_llamacpp.options import LlamaCppOptions
from crossbench_llamacpp.perf import cached_prompt_tokens, native
from crossbench_llamacpp.resolved import Resolved
from crossbench_llamacpp.sampling import Logits, along, sampler

EMPTY = -1
"""Last position of a sequence that holds nothing."""
INVALID = -1
"""llama_decode's answer to a bad batch; anything below it leaves the context unusable."""


class LlamaCppSession:
    """One model and one context, which it owns; see `crossbench.api.ScoringSession`."""

    def __init__(
        self,
        model: Any,
        context: Any,
        options: LlamaCppOptions,
        devices: Sequence[EngineDevice],
        resolved: Resolved,
        log: EngineLog,
    ) -> None:
        self._model = model
        self._context = context
        self._options = options
        self._devices = devices
        self._resolved = resolved
        self._log = log
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._vocab_size: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._cache = llama_cpp.llama_get_memory(context)
        self._capacity: int = llama_cpp.llama_n_ctx_seq(context)
        self._logits = Logits(context, self._vocab_size)
        self._prompt_batch = Batch(llama_cpp.llama_n_batch(context))
        self._token_batch = Batch(1)
        self._stream: weakref.ref[Generator[Chunk, None, None]] | None = None

    def describe(self) -> Loaded:
        """What llama.cpp resolved."""
        return describe.loaded(
            self._model, self._context, self._options, self._devices, self._resolved
        )

    def memory(self) -> Mapping[str, DeviceMemory]:
        """Buffers by device id, which llama.cpp allocates at load and keeps."""
        return describe.memory(self._options, self._devices, self._resolved)

    def tokenize(self, text: str) -> list[int]:
        """Ids by the GGUF's own tokenizer, special tokens parsed, none added."""
        return vocabulary.tokenize(self._vocab, text)

    def vocabulary(self) -> Vocabulary:
        """The GGUF's own tokenizer."""
        return vocabulary.read(self._model)

    def generate(self, request: Request) -> Generator[Chunk, None, None]:
        """Stream one continuation, a token a chunk. A stop id ends it and is its last token.

        Along forced ids each token is chosen all the same, so that a step is the same work.

        Raises RequestError when the request cannot be served, EngineError when decoding breaks.
        """
        self._check_free()
        stream = self._generate(request, self._checked(request))
        self._stream = weakref.ref(stream)
        return stream

    def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        """Scores of ids[first:], from an empty cache that is left empty.

        Raises RequestError when they cannot be scored, EngineError when decoding breaks.
        """
        self._check_free()
        if not 1 <= first <= len(ids) or not 0 <= top_k <= self._vocab_size:
            raise RequestError(
                f"scores of {len(ids)} ids from place {first} on, {top_k} likeliest each; the "
                f"place may be 1 to {len(ids)}, the likeliest 0 to {self._vocab_size}"
            )
        if len(ids) - 1 > self._capacity:
            raise RequestError(
                f"{len(ids)} ids are to be scored; the context holds {self._capacity}: "
                "raise n_ctx or leave it out"
            )
        tokens = self._within_vocabulary(ids)
        try:
            self._begin()
            largest = self._prompt_batch.capacity
            return scoring.scores(tokens, top_k, first, largest, self._rows)
        finally:
            llama_cpp.llama_memory_clear(self._cache, False)

    def reset(self) -> None:
        """Empty the KV cache, its bytes included, and wait until the devices are idle."""
        if (stream := self._running()) is not None:
            stream.close()
        llama_cpp.llama_memory_clear(self._cache, True)
        llama_cpp.llama_synchronize(self._context)
        llama_cpp.llama_perf_context_reset(self._context)

    def close(self) -> None:
        """Free batches, context and model; a second call does nothing."""
        if self._context is None:
            return
        if (stream := self._running()) is not None:
            stream.close()
        self._prompt_batch.free()
        self._token_batch.free()
        context, self._context = self._context, None
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(self._model)
        llama_cpp.llama_backend_free()

    def _running(self) -> Generator[Chunk, None, None] | None:
        """The stream that is neither exhausted nor closed nor forgotten, if there is one."""
        stream = self._stream() if self._stream else None
        if stream is None or getgeneratorstate(stream) == GEN_CLOSED:
            return None
        return stream

    def _check_free(self) -> None:
        if self._running() is not None:
            raise RequestError("another request is in flight; this backend serves one at a time")
        if self._context is None:
            raise EngineError("the session is closed")

    def _checked(self, request: Request) -> NDArray[np.int32]:
        """The prompt as an array. Raises RequestError for what llama.cpp would refuse or cut."""
        prompt, produced = len(request.prompt_ids), request.max_tokens
        if not prompt or produced < 1:
            raise RequestError(
                f"{prompt} prompt tokens and {produced} output tokens; at least 1 each is needed"
            )
        if prompt + produced > self._capacity:
            raise RequestError(
                f"{prompt} prompt and {produced} output tokens are {prompt + produced}; "
                f"the context holds {self._capacity}: raise n_ctx or leave it out"
            )
        if request.forced_ids:
            if len(request.forced_ids) != produced:
                raise RequestError(
                    f"{len(request.forced_ids)} forced ids for {produced} output tokens; "
                    "one for each is needed"
                )
            self._within_vocabulary(request.forced_ids)
        return self._within_vocabulary(request.prompt_ids)

    def _within_vocabulary(self, given: Sequence[int]) -> NDArray[np.int32]:
        """The ids as an array. Raises RequestError."""
        ids = np.array(given, np.int64)
        if ids.min() < 0 or ids.max() >= self._vocab_size:
            raise RequestError(
                f"token ids span {ids.min()} to {ids.max()}; "
                f"the model's vocabulary is 0 to {self._vocab_size - 1}"
            )
        return ids.astype(np.int32)

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
            with sampler(request.sampling, context, self._logits) as choose:
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

    def _begin(self) -> None:
        """Set log and counters to nothing. Raises EngineError where the cache is not empty."""
        self._log.clear()
        held = llama_cpp.llama_memory_seq_pos_max(self._cache, SEQUENCE)
        if held != EMPTY:
            raise EngineError(f"the KV cache still holds {held + 1} positions of an earlier prompt")
        llama_cpp.llama_perf_context_reset(self._context)

    def _prefill(self, prompt: NDArray[np.int32]) -> None:
        """Compute the whole prompt in an empty sequence, with logits for its last token only."""
        self._begin()
        for start in range(0, len(prompt), self._prompt_batch.capacity):
            piece = prompt[start : start + self._prompt_batch.capacity]
            self._decode(piece, start, wanted=start + len(piece) == len(prompt))

    def _rows(self, tokens: NDArray[np.int32], start: int, wanted: int) -> NDArray[np.float32]:
        """Compute tokens from a position on: logits of the last `wanted`, valid until the next."""
        self._decode(tokens, start, wanted)
        return self._logits.rows(wanted)

    def _decode(self, tokens: NDArray[np.int32], start: int, wanted: int) -> None:
        self._prompt_batch.fill(tokens, start, wanted)
        if code := llama_cpp.llama_decode(self._context, self._prompt_batch.raw):
            raise self._decode_error(code)

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

    def _decode_error(self, code: int) -> RequestError | EngineError:
        if code >= INVALID:
            cause = self._log.cause() or "no cause in its log"
            return RequestError(f"llama_decode refused the batch with code {code}: {cause}")
        return failure(f"llama_decode failed with code {code}", self._log.cause())
