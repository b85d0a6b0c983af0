"""A loaded model and its context: what every session does, however many requests it serves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from crossbench.api import (
    DeviceMemory,
    EngineError,
    Generation,
    Loaded,
    Request,
    RequestError,
    TokenScore,
    Vocabulary,
)
from crossbench_llamacpp import describe, library, scoring, vocabulary
from crossbench_llamacpp.batch import SEQUENCE, Batch
from crossbench_llamacpp.failures import failure
from crossbench_llamacpp.library import EngineDevice
from crossbench_llamacpp.log import EngineLog
from crossbench_llamacpp.options import LlamaCppOptions
from crossbench_llamacpp.resolved import Resolved
from crossbench_llamacpp.sampling import Logits

EMPTY = -1
"""Last position of a sequence that holds nothing."""
INVALID = -1
"""llama_decode's answer to a bad batch; anything below it leaves the context unusable."""


class Parts(NamedTuple):
    """What loading gives."""

    model: Any
    context: Any
    options: LlamaCppOptions
    devices: Sequence[EngineDevice]
    resolved: Resolved
    log: EngineLog


class LoadedModel(ABC):
    """One model and one context, which it owns; see `crossbench.api.ScoringSession`."""

    def __init__(self, parts: Parts) -> None:
        model, context, self._options, self._devices, self._resolved, self._log = parts
        self._model = model
        self._context = context
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._vocab_size: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._cache = llama_cpp.llama_get_memory(context)
        self._capacity = library.context_tokens(context)
        self._logits = Logits(context, self._vocab_size)
        self._batch = Batch(llama_cpp.llama_n_batch(context))

    @abstractmethod
    def generate(self, request: Request) -> Generation:
        """Stream one continuation."""

    @abstractmethod
    def _in_flight(self) -> bool:
        """Whether any request is running."""

    @abstractmethod
    def _abort(self) -> None:
        """End every request that is running."""

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

    def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        """Scores of ids[first:], from an empty cache that is left empty.

        Raises RequestError when they cannot be scored, EngineError when decoding breaks.
        """
        self._check_open()
        if self._in_flight():
            raise RequestError("a request is in flight; nothing is scored beside it")
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
            return scoring.scores(tokens, top_k, first, self._batch.capacity, self._rows)
        finally:
            llama_cpp.llama_memory_clear(self._cache, False)

    def reset(self) -> None:
        """Empty the KV cache, its bytes included, and wait until the devices are idle."""
        self._abort()
        llama_cpp.llama_memory_clear(self._cache, True)
        llama_cpp.llama_synchronize(self._context)
        llama_cpp.llama_perf_context_reset(self._context)

    def close(self) -> None:
        """Free context and model; a second call does nothing."""
        if self._context is None:
            return
        self._abort()
        context, self._context = self._context, None
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(self._model)
        llama_cpp.llama_backend_free()

    def _check_open(self) -> None:
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

    def _begin(self) -> None:
        """Set log and counters to nothing. Raises EngineError where the cache is not empty."""
        self._log.clear()
        self._check_empty(SEQUENCE)
        llama_cpp.llama_perf_context_reset(self._context)

    def _check_empty(self, sequence: int) -> None:
        """Raise EngineError where the KV cache holds anything of this sequence."""
        held = llama_cpp.llama_memory_seq_pos_max(self._cache, sequence)
        if held != EMPTY:
            raise EngineError(f"the KV cache still holds {held + 1} positions of an earlier prompt")

    def _rows(self, tokens: NDArray[np.int32], start: int, wanted: int) -> NDArray[np.float32]:
        """Compute tokens from a position on: logits of the last `wanted`, valid until the next."""
        self._decode(tokens, start, wanted)
        return self._logits.rows(wanted)

    def _decode(self, tokens: NDArray[np.int32], start: int, wanted: int) -> None:
        self._batch.fill(tokens, start, wanted)
        if code := llama_cpp.llama_decode(self._context, self._batch.raw):
            raise self._decode_error(code)

    def _decode_error(self, code: int) -> RequestError | EngineError:
        if code >= INVALID:
            cause = self._log.cause() or "no cause in its log"
            return RequestError(f"llama_decode refused the batch with code {code}: {cause}")
        return failure(f"llama_decode failed with code {code}", self._log.cause())
