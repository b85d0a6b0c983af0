"""A loaded model: what every session does, however many requests it serves."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import mlx.core as mx
from msgspec import structs

from crossbench.api import (
    DeviceMemory,
    EngineError,
    Generation,
    Loaded,
    Request,
    RequestError,
    TokenScore,
    Unsupported,
    Vocabulary,
)
from crossbench_mlx import describe, scoring, weights
from crossbench_mlx.artifact import Artifact
from crossbench_mlx.decoder import Decoder
from crossbench_mlx.devices import WiredLimit
from crossbench_mlx.failures import typed
from crossbench_mlx.options import MlxOptions
from crossbench_mlx.tokenizer import ArtifactTokenizer


class LoadedModel(ABC):
    """One model; see `crossbench.api.ScoringSession`.

    Making one computes a text of two tokens, which shows that this model runs with these options.

    Raises Unsupported, OutOfMemory or EngineError where it does not.
    """

    def __init__(
        self, model: Any, artifact: Artifact, options: MlxOptions, streams: int = 1
    ) -> None:
        self._model = model
        self._artifact = artifact
        self._options = options
        self._wired = WiredLimit(options.wired_limit_mib)
        trial = Decoder(model, structs.replace(options, quantized_kv_start=0))
        with typed(f"{artifact.folder} does not run with these options", Unsupported):
            logits = trial.feed(mx.array([0, 0]))
            mx.eval(logits)
        self._vocab_size: int = logits.shape[-1]
        self._loaded = describe.loaded(model, artifact, options, self._wired, trial.caches, streams)
        self._weight_bytes = weights.nbytes(model)

    @abstractmethod
    def generate(self, request: Request) -> Generation:
        """Stream one continuation."""

    @abstractmethod
    def _abort(self) -> None:
        """End every request that is running."""

    @abstractmethod
    def _kv_bytes(self) -> int:
        """Bytes of the KV caches of what is running."""

    def describe(self) -> Loaded:
        """What MLX resolved."""
        return self._loaded

    def memory(self) -> Mapping[str, DeviceMemory]:
        """MLX's allocator; a KV cache is there only while a request runs."""
        return describe.memory(self._weight_bytes if self._model else 0, self._kv_bytes())

    def tokenize(self, text: str) -> list[int]:
        """Ids by the artifact's own tokenizer, special tokens parsed, none added."""
        return self._tokenizer.encode(text)

    def vocabulary(self) -> Vocabulary:
        """What the artifact's tokenizer files say."""
        return self._tokenizer.vocabulary()

    def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        """Scores of ids[first:], from logits in f32, with the KV cache of a request."""
        self._check(ids, 0)
        if not (first >= 1 and 0 <= top_k <= self._vocab_size):
            raise RequestError(
                f"first is {first} and top_k {top_k}; allowed: first from 1, "
                f"top_k from 0 to {self._vocab_size}"
            )
        with typed("scoring failed"):
            return scoring.scores(Decoder(self._model, self._options), ids, top_k, first)

    def reset(self) -> None:
        """End what is in flight, wait for the device, and give unused memory back."""
        self._abort()
        mx.synchronize()
        mx.clear_cache()

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._model is None:
            return
        self._abort()
        self._model = None
        gc.collect()  # modules of a model may hold each other
        self._wired.restore()
        self.reset()

    @cached_property
    def _tokenizer(self) -> ArtifactTokenizer:
        return ArtifactTokenizer(self._artifact)

    def _check_request(self, request: Request) -> None:
        """Raises RequestError for what cannot be served; EngineError if closed."""
        if request.max_tokens < 1:
            raise RequestError(f"{request.max_tokens} output tokens; at least 1 is needed")
        self._check(request.prompt_ids, request.max_tokens)
        if request.forced_ids:
            self._check_ids("forced", request.forced_ids)
            if len(request.forced_ids) != request.max_tokens:
                raise RequestError(
                    f"{len(request.forced_ids)} forced ids for {request.max_tokens} output tokens; "
                    "as many are needed"
                )

    def _check(self, ids: Sequence[int], produced: int) -> None:
        """Raises RequestError for what MLX would compute without a word; EngineError if closed."""
        if self._model is None:
            raise EngineError("the session is closed")
        if not ids:
            raise RequestError("there are no ids; at least 1 is needed")
        capacity = self._artifact.context_tokens
        if capacity is not None and len(ids) + produced > capacity:
            raise RequestError(
                f"{len(ids)} prompt and {produced} output tokens are {len(ids) + produced}; "
                f"the model was made for {capacity}"
            )
        self._check_ids("prompt", ids)

    def _check_ids(self, whose: str, ids: Sequence[int]) -> None:
        if min(ids) < 0 or max(ids) >= self._vocab_size:
            raise RequestError(
                f"{whose} ids span {min(ids)} to {max(ids)}; "
                f"the model's vocabulary is 0 to {self._vocab_size - 1}"
            )
