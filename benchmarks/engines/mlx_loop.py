"""mlx-lm's own loops, which crossbench is held against, on the model that the plugin has loaded.

`step`       `mlx_lm.generate.generate_step`, its tokens stamped as they come. On a CPU the first of
             them comes with the step after it, which is dispatched before; so the prefill is timed
             apart, by `max_tokens=0`, which computes the first token and no step more.
`benchmark`  what `mlx_lm.benchmark` does with a prompt of random ids, and its own figures. Its
             `generation_tps` divides n tokens by the time from the first to the last, in which
             n - 1 came.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import mlx.core as mx
from mlx_lm.generate import generate_step, stream_generate
from mlx_lm.utils import load_tokenizer

from benchmarks.beside import Beside, Timed
from crossbench.api import Chunk, ModelRef, Needs, Request
from crossbench_mlx.engine import Mlx
from crossbench_mlx.options import MlxOptions


class MlxBeside:
    """The plugin's backend, with mlx-lm's loops."""

    def load(self, model: ModelRef, options: MlxOptions, needs: Needs) -> Beside:
        """Load by the plugin."""
        session = Mlx().load(model, options, needs)
        tokenizer = load_tokenizer(Path(model.path))
        tokenizer._eos_token_ids = {}  # as mlx_lm.benchmark does, lest the output end early
        weights = session._model
        loops = {
            "step": partial(step, weights),
            "benchmark": partial(benchmark, weights, tokenizer),
        }
        return Beside(session, loops)


def step(model: Any, request: Request) -> Iterator[Chunk]:
    """Stamps of the plain loop."""
    prompt = list(request.prompt_ids)
    began = perf_counter_ns()
    for _ in generate_step(mx.array(prompt), model, max_tokens=0):
        pass
    first_ns = perf_counter_ns() - began
    ids, stamps = [], []
    for token, _ in generate_step(mx.array(prompt), model, max_tokens=request.max_tokens):
        stamps.append(perf_counter_ns())
        ids.append(token)
    yield Timed(first_ns, first_ns + stamps[-1] - stamps[0], ids).chunk()


def benchmark(model: Any, tokenizer: Any, request: Request) -> Iterator[Chunk]:
    """The benchmark's own figures, turned back into the times they were made of."""
    ids = []
    prompt = list(request.prompt_ids)
    for response in stream_generate(model, tokenizer, prompt, max_tokens=request.max_tokens):
        ids.append(response.token)
    first_ns = round(len(prompt) / response.prompt_tps * 1e9)
    last_ns = first_ns + round(len(ids) / response.generation_tps * 1e9)
    yield Timed(first_ns, last_ns, ids).chunk()
