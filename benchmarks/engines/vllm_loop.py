"""vLLM's own loop, which crossbench is held against, on the engine that the plugin has started.

`generate` is `AsyncLLM.generate`, its outputs stamped as they come: greedy, ids only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from time import perf_counter_ns
from typing import Any

from benchmarks.beside import Beside, Timed
from crossbench.api import Chunk, ModelRef, Needs, Request
from crossbench_vllm.engine import Vllm
from crossbench_vllm.options import VllmOptions


class VllmBeside:
    """The plugin's backend, with vLLM's loop."""

    async def load(self, model: ModelRef, options: VllmOptions, needs: Needs) -> Beside:
        """Start the engine by the plugin."""
        session = await Vllm().load(model, options, needs)
        return Beside(session, {"generate": partial(generate, session._alive(), count())})


async def generate(engine: Any, numbers: count[int], request: Request) -> AsyncIterator[Chunk]:
    """Stamps of the plain loop."""
    from vllm.inputs.engine import tokens_input  # noqa: PLC0415 - vLLM is imported by loading it
    from vllm.sampling_params import RequestOutputKind, SamplingParams  # noqa: PLC0415

    prompt = tokens_input(list(request.prompt_ids))
    wanted = SamplingParams(
        temperature=0.0,
        max_tokens=request.max_tokens,
        ignore_eos=True,
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
    )
    ids: list[int] = []
    stamps: list[int] = []
    began = perf_counter_ns()
    async for output in engine.generate(prompt, wanted, f"loop-{next(numbers)}"):
        stamps.append(perf_counter_ns())
        ids.extend(output.outputs[0].token_ids)
    yield Timed(stamps[0] - began, stamps[-1] - began, ids).chunk()
