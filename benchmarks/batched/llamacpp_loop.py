"""The C loop of several sequences, on the context that the plugin has made."""

from __future__ import annotations

import ctypes
import os
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from benchmarks.batched import LOOP
from benchmarks.beside import LIBRARY, Beside, Timed
from crossbench.api import Chunk, ModelRef, Needs, Request, RequestError
from crossbench_llamacpp.engine import LlamaCpp
from crossbench_llamacpp.options import LlamaCppOptions


class LlamaCppBatched:
    """The plugin's backend, with the loop."""

    def load(self, model: ModelRef, options: LlamaCppOptions, needs: Needs) -> Beside:
        """Load by the plugin."""
        run = ctypes.CDLL(os.environ[LIBRARY]).loop_run_batch
        whole, ids = ctypes.c_int, ctypes.POINTER(ctypes.c_int32)
        times = ctypes.POINTER(ctypes.c_int64)
        run.argtypes = (ctypes.c_void_p, whole, ids, whole, whole, times)
        session = LlamaCpp().load(model, options, needs)
        return Beside(session, {LOOP: partial(batched, run, session, needs.streams)})


async def batched(run: Any, session: Any, streams: int, request: Request) -> AsyncIterator[Chunk]:
    """What the loop stamped; the request holds the prompts one after the other."""
    prompts = (ctypes.c_int32 * len(request.prompt_ids))(*request.prompt_ids)
    times = (ctypes.c_int64 * 2)()
    size = len(prompts) // streams
    if code := run(session._context, streams, prompts, size, request.max_tokens, times):
        raise RequestError(f"llama_decode returned {code}")
    yield Timed(times[0], times[1], ()).chunk()
