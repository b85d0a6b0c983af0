"""`Loaded` and memory of one loaded model, from the API where it tells, else from the load log."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import llama_cpp

from crossbench.api import Boundary, Device, DeviceMemory, Fact, Loaded
from crossbench_llamacpp import compiled, library
from crossbench_llamacpp.library import EngineDevice
from crossbench_llamacpp.options import LlamaCppOptions
from crossbench_llamacpp.resolved import (
    Resolved,
    ignored,
    is_meta,
    parallelism,
    pool,
    used_devices,
)


def loaded(
    model: Any,
    context: Any,
    options: LlamaCppOptions,
    known: Sequence[EngineDevice],
    resolved: Resolved,
) -> Loaded:
    """What llama.cpp resolved for this model and context, on devices that are `known`."""
    return Loaded(
        boundary=Boundary.LIBRARY,
        engine_build=Fact(library.build(), "api"),
        parallelism=Fact(parallelism(options.split_mode, resolved), "log"),
        devices=_reported(used_devices(resolved), known),
        context_tokens=Fact(library.context_tokens(context), "api"),
        weight_bytes=Fact(llama_cpp.llama_model_size(model), "api"),
        parameters=Fact(llama_cpp.llama_model_n_params(model), "api"),
        kv_dtype=Fact(_kv_dtype(resolved.kv_types), "log"),
        kv_capacity_tokens=Fact(resolved.kv_cells, "log"),
        attention=Fact(resolved.attention, "log"),
        prefix_cache=Fact(value=False, source="config"),
        settings=_settings(model, context, options, known, resolved),
        ignored=ignored(options, resolved),
    )


def memory(
    options: LlamaCppOptions, known: Sequence[EngineDevice], resolved: Resolved
) -> Mapping[str, DeviceMemory]:
    """Device id -> llama.cpp's buffers.

    Of a tensor split llama.cpp tells only the largest member's; what smaller ones hold is unknown.
    """
    by_pool = {pool(each.buffer): each.device.id for each in known}
    by_name = {each.name: each.device.id for each in known}
    held: dict[str, DeviceMemory] = {}
    for name, buffers in resolved.memory.items():
        if is_meta(name):
            largest = _largest(resolved.devices, options.tensor_split)
            held |= {
                by_name[member]: buffers if member in largest else DeviceMemory()
                for member in resolved.devices
            }
        else:
            held[by_pool.get(name, name)] = buffers
    return held


def _largest(members: Sequence[str], split: Sequence[float] | None) -> set[str]:
    """Those whose share of a tensor split is the largest; without shares, all."""
    shares = dict(zip(members, split or [1.0] * len(members), strict=False))
    return {member for member, share in shares.items() if share == max(shares.values())}


def _reported(names: Sequence[str], known: Sequence[EngineDevice]) -> tuple[Device, ...]:
    by_name = {each.name: each.device for each in known}
    return tuple(by_name.get(name) or Device(id=name, name=name, kind="other") for name in names)


def _layers(resolved: Resolved, known: Sequence[EngineDevice]) -> dict[str, int] | None:
    """Device id -> layers it holds, or holds a part of under a tensor split."""
    ids = {each.name: each.device.id for each in known}
    held: dict[str, int] = {}
    for name, count in resolved.layers.items():
        owners = resolved.devices if is_meta(name) else (name,)
        held |= {ids.get(owner, owner): count for owner in owners}
    return held or None


def _kv_dtype(types: tuple[str, str] | None) -> str | None:
    """One name where keys and values are of one type, else "key/value"."""
    return "/".join(dict.fromkeys(types)) if types else None


def _settings(
    model: Any,
    context: Any,
    options: LlamaCppOptions,
    known: Sequence[EngineDevice],
    resolved: Resolved,
) -> dict[str, Fact[Any]]:
    return {
        "n_batch": Fact(llama_cpp.llama_n_batch(context), "api"),
        "n_ubatch": Fact(llama_cpp.llama_n_ubatch(context), "api"),
        "threads": Fact(llama_cpp.llama_n_threads(context), "api"),
        "threads_batch": Fact(llama_cpp.llama_n_threads_batch(context), "api"),
        "streams": Fact(llama_cpp.llama_n_seq_max(context), "api"),
        "kv_unified": Fact(resolved.kv_unified, "log"),
        "speculative": Fact("none", "config"),
        "train_context_tokens": Fact(llama_cpp.llama_model_n_ctx_train(model), "artifact"),
        "model": Fact(_model_description(model), "artifact"),
        "offloaded_layers": Fact(resolved.offloaded, "log"),
        "layers_by_device": Fact(_layers(resolved, known), "log"),
        "split_mode": Fact(options.split_mode, "config"),
        "pipeline_overlap": Fact(resolved.pipeline, "log"),
        "load_mode": Fact(resolved.load_mode, "log"),
        "backends": Fact(compiled.backends(), "api"),
        "nccl_linked": Fact(compiled.nccl(), "api"),
        "system_info": Fact(library.system_info(), "api"),
    }


def _model_description(model: Any) -> str:
    """Architecture, size and file type, such as "llama 70B Q4_K - Medium"."""
    buffer = ctypes.create_string_buffer(256)
    llama_cpp.llama_model_desc(model, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")
