"""What `vllm bench throughput --async-engine` times, on the engine that the plugin has started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from typing import Any
from unittest.mock import patch

from benchmarks.batched import LOOP
from benchmarks.beside import Beside, Timed
from crossbench.api import Chunk, ModelRef, Needs, Request
from crossbench_vllm.engine import Vllm
from crossbench_vllm.options import VllmOptions


class VllmThroughput:
    """The plugin's backend, with vLLM's benchmark."""

    async def load(self, model: ModelRef, options: VllmOptions, needs: Needs) -> Beside:
        """Start the engine by the plugin."""
        session = await Vllm().load(model, options, needs)
        run = partial(throughput, session._alive(), needs.streams, count())
        return Beside(session, {LOOP: run})


async def throughput(
    engine: Any, streams: int, rounds: count[int], request: Request
) -> AsyncIterator[Chunk]:
    """The benchmark's own time for the prompts, which the request holds one after the other."""
    import vllm  # noqa: PLC0415 - slow
    from vllm.benchmarks import throughput as bench  # noqa: PLC0415 - as above
    from vllm.benchmarks.datasets import SampleRequest  # noqa: PLC0415

    size = len(request.prompt_ids) // streams
    samples = [
        SampleRequest(
            prompt={"prompt_token_ids": list(request.prompt_ids[start : start + size])},
            prompt_len=size,
            expected_output_len=request.max_tokens,
        )
        for start in range(0, len(request.prompt_ids), size)
    ]
    # vLLM draws requests that have a seed one by one, and crossbench's always have one.
    seeded = partial(vllm.SamplingParams, seed=request.sampling.seed)
    with patch.object(vllm, "SamplingParams", seeded):
        seconds, _ = await bench._run_vllm_async_requests(
            engine,
            samples,
            n=1,
            disable_detokenize=True,
            do_profile=False,
            request_id_prefix=f"round-{next(rounds)}-",
        )
    yield Timed(0, round(seconds * 1e9), ()).chunk()
