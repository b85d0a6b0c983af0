"""From options to a running engine: vLLM's arguments, its checks, its processes.

What vLLM refuses before it starts a process it says in the exception. What fails later it says only
in the output of its processes, from which the cause is taken.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.v1.engine.async_llm import AsyncLLM

from crossbench.api import EngineError, Needs, Unsupported
from crossbench_vllm import forcing, log, rank, variables
from crossbench_vllm.artifact import Artifact
from crossbench_vllm.failures import failure, words
from crossbench_vllm.log import EngineLog
from crossbench_vllm.options import VllmOptions
from crossbench_vllm.session import VllmSession
from crossbench_vllm.variables import Variables

GIB = 2**30
CPU_KV_GIB = 1.0
"""vLLM itself would take nearly all of the machine's memory for the cache."""
SCORING_BATCH = 512
"""Prompt tokens scored at once: each needs a row of log-probabilities of the whole vocabulary."""


def load(
    artifact: Artifact, options: VllmOptions, needs: Needs, settings: Variables
) -> VllmSession:
    """Start an engine; `settings` are put back when the session closes.

    Raises OutOfMemory, Unsupported or EngineError.
    """
    cpus = os.sched_getaffinity(0)
    settings.set(variables.of(options, cpu=current_platform.is_cpu(), cpus=cpus))
    config = configuration(artifact, options, needs)
    engine_log = EngineLog()
    try:
        engine = AsyncLLM.from_vllm_config(config, disable_log_stats=True)
    except Exception as error:
        cause = log.cause(engine_log.text()) or words(error)
        raise failure(f"vLLM could not load {artifact.folder}", cause) from error
    return VllmSession(engine, artifact, options, engine_log, settings)


def configuration(artifact: Artifact, options: VllmOptions, needs: Needs) -> Any:
    """vLLM's own configuration, checked by vLLM.

    Raises Unsupported for what vLLM refuses, EngineError for an artifact it cannot read.
    """
    chosen = arguments(artifact, options, needs)
    config = _create(artifact, chosen)
    if needs.forced_ids:
        by_runner = (
            {"enable_trace_replay": True}
            if config.use_v2_model_runner
            else {"logits_processors": [forcing.REFERENCE]}
        )
        config = _create(artifact, chosen | by_runner)
    at_once = config.scheduler_config.max_num_seqs
    if needs.streams > at_once:
        raise Unsupported(
            f"{needs.streams} requests are to run at once and max_num_seqs is {at_once}; "
            f"raise it to {needs.streams} or leave it out"
        )
    return config


def _create(artifact: Artifact, chosen: Mapping[str, Any]) -> Any:
    try:
        return AsyncEngineArgs(**chosen).create_engine_config()
    except ValueError as error:
        raise Unsupported(f"vLLM refuses {artifact.folder}: {words(error)}") from error
    except Exception as error:  # a config.json may break vLLM's readers in any way
        raise EngineError(
            f"vLLM cannot read {artifact.folder}: {type(error).__name__}: {words(error)}"
        ) from error


def arguments(artifact: Artifact, options: VllmOptions, needs: Needs) -> dict[str, Any]:
    """The options as vLLM's engine arguments; what is absent is left to vLLM."""
    kv_gib = options.kv_cache_gib
    if kv_gib is None and current_platform.is_cpu():
        kv_gib = CPU_KV_GIB
    chosen = {
        "model": str(artifact.folder),
        "max_model_len": options.max_model_len or _context(artifact, needs),
        "tensor_parallel_size": options.tensor_parallel_size,
        "pipeline_parallel_size": options.pipeline_parallel_size,
        "quantization": options.quantization,
        "dtype": options.dtype,
        "kv_cache_dtype": options.kv_cache_dtype,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "kv_cache_memory_bytes": None if kv_gib is None else math.ceil(kv_gib * GIB),
        "cpu_offload_gb": options.cpu_offload_gib,
        "max_num_seqs": options.max_num_seqs,
        "max_num_batched_tokens": options.max_num_batched_tokens,
        "block_size": options.block_size,
        "enable_chunked_prefill": options.enable_chunked_prefill,
        "enable_prefix_caching": options.enable_prefix_caching,
        "async_scheduling": options.async_scheduling,
        "enforce_eager": options.enforce_eager,
        "optimization_level": options.optimization_level,
        "attention_backend": options.attention_backend,
        "disable_custom_all_reduce": options.disable_custom_all_reduce,
        "worker_extension_cls": rank.REFERENCE,
        # An artifact's own sampling defaults would apply where a request sets none.
        "generation_config": "vllm",
    }
    if needs.scoring:
        chosen |= _scoring(options, needs)
    return {name: value for name, value in chosen.items() if value is not None}


def _context(artifact: Artifact, needs: Needs) -> int:
    """Tokens needed; vLLM scores a prompt only where one more token fits."""
    longest = artifact.config.get("max_position_embeddings")
    room = not isinstance(longest, int) or needs.context_tokens < longest
    return needs.context_tokens + (1 if needs.scoring and room else 0)


def _scoring(options: VllmOptions, needs: Needs) -> dict[str, Any]:
    """Room for log-probabilities in a load that is never timed."""
    chosen: dict[str, Any] = {"max_logprobs": max(1, needs.score_top_k)}
    if options.max_num_batched_tokens is None and options.enable_chunked_prefill is not False:
        chosen["max_num_batched_tokens"] = max(SCORING_BATCH, options.max_num_seqs or 0)
        chosen["max_num_seqs"] = options.max_num_seqs or max(8, needs.streams)
    return chosen
