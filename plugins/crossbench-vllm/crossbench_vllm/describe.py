"""`Loaded` and memory of one running engine, from its configuration as resolved and its ranks."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import vllm

from crossbench.api import Boundary, Device, DeviceMemory, Fact, Loaded, Parallelism
from crossbench_vllm import variables
from crossbench_vllm.artifact import Weights
from crossbench_vllm.options import VllmOptions

CPU = "cpu"
DTYPES = {"torch.float32": "f32", "torch.float16": "f16", "torch.bfloat16": "bf16"}
ONLY_CPU = ("cpu_omp_threads_bind",)
ONLY_GPU = ("gpu_memory_utilization", "cpu_offload_gib", "disable_custom_all_reduce")
ONLY_SEVERAL = ("disable_custom_all_reduce", "skip_p2p_check")
"""Options that count only between several GPUs, besides NCCL's."""

Ranks = Sequence[Mapping[str, Any]]


def loaded(
    config: Any,
    ranks: Ranks,
    options: VllmOptions,
    weights: Weights | None,
    transports: Sequence[str],
) -> Loaded:
    """What vLLM resolved."""
    cache = config.cache_config
    return Loaded(
        boundary=Boundary.ASYNC_ENGINE,
        engine_build=Fact(f"vllm {vllm.__version__}, torch {torch.__version__}", "api"),
        parallelism=Fact(_parallelism(config.parallel_config), "api"),
        devices=_devices(ranks),
        context_tokens=Fact(config.model_config.max_model_len, "api"),
        weight_bytes=_weight_bytes(config.model_config, ranks, weights),
        parameters=Fact(weights.parameters if weights else None, "artifact"),
        kv_dtype=Fact(_kv_dtype(cache.cache_dtype, ranks), "api"),
        kv_capacity_tokens=Fact(cache.kv_cache_size_tokens, "api"),
        attention=Fact(_joined(name for each in ranks for name in each["attention"]), "api"),
        prefix_cache=Fact(bool(cache.enable_prefix_caching), "api"),
        settings=_settings(config, ranks, options, transports),
        ignored=_ignored(options, gpu=ranks[0]["device"] is not None),
    )


def memory(ranks: Ranks, allocated: Ranks) -> Mapping[str, DeviceMemory]:
    """Device id -> bytes; ranks on one CPU are summed. Where kernels moved the weights out of
    sight, they are not told."""
    held: dict[str, DeviceMemory] = {}
    for facts, bytes_held in zip(ranks, allocated, strict=True):
        device = _device(facts).id
        before = held.get(device, DeviceMemory(weights_bytes=0, kv_bytes=0))
        moved = facts["weights_moved"] or before.weights_bytes is None
        held[device] = DeviceMemory(
            weights_bytes=None if moved else (before.weights_bytes or 0) + facts["weight_bytes"],
            kv_bytes=(before.kv_bytes or 0) + facts["kv_bytes"],
            used_bytes=bytes_held.get("reserved"),
        )
    return held


def _parallelism(parallel: Any) -> Parallelism:
    """Tensor where both kinds are used; the settings hold both sizes."""
    if parallel.tensor_parallel_size > 1:
        return Parallelism.TENSOR
    return Parallelism.PIPELINE if parallel.pipeline_parallel_size > 1 else Parallelism.NONE


def _devices(ranks: Ranks) -> tuple[Device, ...]:
    return tuple({(device := _device(facts)).id: device for facts in ranks}.values())


def _device(facts: Mapping[str, Any]) -> Device:
    gpu = facts["device"]
    if gpu is None:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Device(id=CPU, name=_cpu_name(), kind="cpu", total_bytes=total)
    return Device(id=gpu["uuid"], name=gpu["name"], kind="gpu", total_bytes=gpu["bytes"])


def _cpu_name() -> str:
    """The processor as Linux names it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - no Path needed
            lines = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        lines = []
    return lines[0] if lines else platform.machine()


def _weight_bytes(model: Any, ranks: Ranks, weights: Weights | None) -> Fact[int]:
    """All ranks' parameters. Kernels of the CPU repack weights out of their sight; what the
    artifact holds in the type computed with then stands for them, where it is not quantised."""
    if not any(facts["weights_moved"] for facts in ranks):
        return Fact(sum(facts["weight_bytes"] for facts in ranks), "api")
    if weights is None:
        return Fact(None, "artifact")
    if model.quantization is None and weights.parameters is not None:
        return Fact(weights.parameters * model.dtype.itemsize, "artifact")
    return Fact(weights.stored_bytes, "artifact")


def _kv_dtype(asked: str, ranks: Ranks) -> str | None:
    """The tensors' own type; of a quantised cache, which is kept in bytes, vLLM's name for it."""
    names = [DTYPES.get(dtype, asked) for facts in ranks for dtype in facts["kv_dtypes"]]
    return _joined(names)


def _joined(names: Iterable[str]) -> str | None:
    return "/".join(sorted(set(names))) or None


def _settings(
    config: Any, ranks: Ranks, options: VllmOptions, transports: Sequence[str]
) -> dict[str, Fact[Any]]:
    model, scheduler, compilation, speculation = (
        config.model_config,
        config.scheduler_config,
        config.compilation_config,
        config.speculative_config,
    )
    known: dict[str, Any] = {
        "dtype": DTYPES.get(str(model.dtype), str(model.dtype)),
        "quantization": model.quantization,
        "enforce_eager": bool(model.enforce_eager),
        "compilation": compilation.mode.name.lower(),
        "cuda_graphs": compilation.cudagraph_mode.name.lower(),
        "max_num_seqs": scheduler.max_num_seqs,
        "max_num_batched_tokens": scheduler.max_num_batched_tokens,
        "chunked_prefill": bool(scheduler.enable_chunked_prefill),
        "async_scheduling": bool(scheduler.async_scheduling),
        "speculative": speculation.method if speculation else "none",
        "block_size": config.cache_config.block_size,
        "model_runner": "v2" if config.use_v2_model_runner else "v1",
        "executor": str(config.parallel_config.distributed_executor_backend),
        "tensor_parallel_size": config.parallel_config.tensor_parallel_size,
        "pipeline_parallel_size": config.parallel_config.pipeline_parallel_size,
        "ranks": [_rank(facts) for facts in ranks],
        "logits_processors": bool(model.logits_processors),
    }
    if options.ranks > 1:
        known |= {
            "communicator": _joined(each["communicator"] or "none" for each in ranks),
            "collectives": _joined(each["collectives"] or "none" for each in ranks),
            "all_reduce": [each["all_reduce"] for each in ranks],
            "custom_all_reduce": all("custom" in each["all_reduce"] for each in ranks),
        }
    found: dict[str, Fact[Any]] = {name: Fact(value, "api") for name, value in known.items()}
    if options.ranks > 1 and ranks[0]["device"] is not None:
        found["peer_access"] = Fact(all(each["peer_access"] for each in ranks), "api")
        found["nccl"] = Fact(_joined(each["nccl"] for each in ranks), "api")
        found["nccl_environment"] = Fact(variables.nccl(os.environ), "config")
        found["nccl_transports"] = Fact(list(transports) or None, "log")
    return found


def _rank(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Where one rank runs."""
    return {
        "tensor": facts["tp_rank"],
        "pipeline": facts["pp_rank"],
        "device": _device(facts).id,
        "threads": facts["threads"],
        "cpus": facts["cpus"],
    }


def _ignored(options: VllmOptions, *, gpu: bool) -> tuple[str, ...]:
    """Options that were set and count for nothing here."""
    nccl = tuple(name for name in options.__struct_fields__ if name.startswith("nccl_"))
    idle: tuple[str, ...] = ONLY_CPU if gpu else (*ONLY_GPU, *ONLY_SEVERAL, *nccl)
    if gpu and options.ranks == 1:
        idle += (*ONLY_SEVERAL, *nccl)
    if options.kv_cache_gib is not None:
        idle += ("gpu_memory_utilization",)
    usual = VllmOptions()
    return tuple(
        name
        for name in options.__struct_fields__
        if name in idle and getattr(options, name) != getattr(usual, name)
    )
