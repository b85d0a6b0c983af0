"""One request at a time, each in a KV cache of its own."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any

from crossbench.api import Chunk, Request, RequestError
from crossbench_mlx.artifact import Artifact
from crossbench_mlx.continuation import Continuation
from crossbench_mlx.failures import typed
from crossbench_mlx.loaded import LoadedModel
from crossbench_mlx.options import MlxOptions


class MlxSession(LoadedModel):
    """A loaded model that serves one request at a time, on a synchronous iterator."""

    def __init__(self, model: Any, artifact: Artifact, options: MlxOptions) -> None:
        super().__init__(model, artifact, options)
        self._continuation: weakref.ref[Continuation] | None = None
        self._stream: weakref.ref[Generator[Chunk, None, None]] | None = None

    def generate(self, request: Request) -> Generator[Chunk, None, None]:
        """Stream one continuation, a token a chunk. A stop id ends it and is its last token.

        Raises RequestError when the request cannot be served, EngineError when computing breaks.
        """
        if self._running() is not None:
            raise RequestError("another request is in flight; this load serves one at a time")
        self._check_request(request)
        stream = self._generate(request)
        self._stream = weakref.ref(stream)
        return stream

    def _abort(self) -> None:
        if (stream := self._running()) is not None:
            stream.close()

    def _kv_bytes(self) -> int:
        live = self._continuation() if self._continuation else None
        return live.nbytes if live else 0

    def _running(self) -> Generator[Chunk, None, None] | None:
        """The stream that is neither exhausted nor closed nor forgotten, if there is one."""
        stream = self._stream() if self._stream else None
        if stream is None or getgeneratorstate(stream) == GEN_CLOSED:
            return None
        return stream

    def _generate(self, request: Request) -> Generator[Chunk, None, None]:
        with typed("generation failed"):
            continuation = Continuation(self._model, self._options, request)
            self._continuation = weakref.ref(continuation)
            yield from continuation.chunks()
