"""The C loop as a shared library, on the context that the plugin has made."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.beside import LIBRARY, Beside, Timed
from crossbench.api import Chunk, ModelRef, Needs, Request
from crossbench_llamacpp.engine import LlamaCpp
from crossbench_llamacpp.options import LlamaCppOptions


class LlamaCppBeside:
    """The plugin's backend, with the C loop."""

    def load(self, model: ModelRef, options: LlamaCppOptions, needs: Needs) -> Beside:
        """Load by the plugin."""
        run = ctypes.CDLL(os.environ[LIBRARY]).loop_run
        whole, ids, times = ctypes.c_int, ctypes.c_int32, ctypes.c_int64
        pointer = ctypes.POINTER
        run.argtypes = (
            ctypes.c_void_p,
            whole,
            pointer(ids),
            whole,
            whole,
            pointer(ids),
            pointer(times),
        )
        session = LlamaCpp().load(model, options, needs)
        loops = {"argmax": partial(loop, run, session, 1), "none": partial(loop, run, session, 0)}
        return Beside(session, loops)


def loop(run: Any, session: Any, greedy: int, request: Request) -> Iterator[Chunk]:
    """What the loop stamped."""
    prompt, produced = request.prompt_ids, request.max_tokens
    ids = (ctypes.c_int32 * produced)()
    times = (ctypes.c_int64 * 2)()
    given = (ctypes.c_int32 * len(prompt))(*prompt)
    run(session._context, greedy, given, len(prompt), produced, ids, times)
    yield Timed(times[0], times[1], list(ids)).chunk()
