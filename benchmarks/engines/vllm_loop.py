"""vLLM's own loops, which crossbench is held against; see `orders` for how it is spoken to.

`async`    `AsyncLLM.generate`, its outputs stamped as they come.
`offline`  `LLM.generate`, which answers when all is done: the time of the whole less that of a
           request for one token.

Both run with the very engine arguments that the plugin makes of its options.
"""

from __future__ import annotations

import asyncio
import os
from time import perf_counter_ns
from typing import Any

from benchmarks.engines.orders import Host
from crossbench.api import Needs
from crossbench_vllm import variables
from crossbench_vllm.artifact import Artifact
from crossbench_vllm.options import VllmOptions


def configured(task: dict[str, Any]) -> dict[str, Any]:
    """vLLM's engine arguments; its environment variables are set on the way."""
    options = VllmOptions(**task["options"])
    os.environ.update(variables.ALWAYS)
    # vLLM reads these variables when it is imported, the others later.
    from vllm.platforms import current_platform  # noqa: PLC0415

    from crossbench_vllm import loading  # noqa: PLC0415

    cpus = os.sched_getaffinity(0)
    os.environ.update(variables.of(options, cpu=current_platform.is_cpu(), cpus=cpus))
    needs = Needs(context_tokens=task["context"])
    return loading.arguments(Artifact(task["model"]), options, needs)


def parameters(output: int, *, stream: bool) -> Any:
    """Exactly so many greedy tokens, ids only."""
    from vllm.sampling_params import RequestOutputKind, SamplingParams  # noqa: PLC0415

    kind = RequestOutputKind.DELTA if stream else RequestOutputKind.FINAL_ONLY
    return SamplingParams(
        temperature=0.0, max_tokens=output, ignore_eos=True, detokenize=False, output_kind=kind
    )


async def serve_async(host: Host, arguments: dict[str, Any]) -> None:
    """Obey with vLLM's asynchronous engine."""
    from vllm import __version__  # noqa: PLC0415
    from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: PLC0415
    from vllm.inputs.engine import tokens_input  # noqa: PLC0415
    from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415

    config = AsyncEngineArgs(**arguments).create_engine_config()
    engine = AsyncLLM.from_vllm_config(config, disable_log_stats=True)
    host.ready(f"vLLM {__version__}")
    for number, order in enumerate(host.orders()):
        prompt, wanted = tokens_input(order.prompt), parameters(order.output, stream=True)
        ids: list[int] = []
        stamps: list[int] = []
        began = perf_counter_ns()
        async for output in engine.generate(prompt, wanted, f"loop-{number}"):
            stamps.append(perf_counter_ns())
            ids.extend(output.outputs[0].token_ids)
        host.answer(stamps[0] - began, stamps[-1] - began, ids)
    engine.shutdown()


def serve_offline(host: Host, arguments: dict[str, Any]) -> None:
    """Obey with vLLM's offline engine."""
    from vllm import LLM, __version__  # noqa: PLC0415

    engine = LLM(**arguments, disable_log_stats=True)
    host.ready(f"vLLM {__version__}")

    def whole(prompt: list[int], output: int) -> tuple[int, list[int]]:
        wanted = parameters(output, stream=False)
        began = perf_counter_ns()
        (told,) = engine.generate({"prompt_token_ids": prompt}, wanted, use_tqdm=False)
        return perf_counter_ns() - began, list(told.outputs[0].token_ids)

    for order in host.orders():
        one_ns, _ = whole(order.prompt, 1)
        all_ns, ids = whole(order.prompt, order.output)
        host.answer(one_ns, all_ns, ids)


def main() -> None:
    """Load, then obey."""
    host = Host()
    task = host.task()
    arguments = configured(task)
    if task["mode"] == "async":
        asyncio.run(serve_async(host, arguments))
    else:
        serve_offline(host, arguments)


if __name__ == "__main__":
    main()
