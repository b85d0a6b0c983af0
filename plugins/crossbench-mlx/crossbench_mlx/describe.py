"""`Loaded` and memory of one loaded model."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx

from crossbench.api import Boundary, DeviceMemory, Fact, Loaded, Parallelism
from crossbench_mlx import devices, library, weights
from crossbench_mlx.artifact import Artifact
from crossbench_mlx.options import MlxOptions

SHORT = {mx.float16: "f16", mx.bfloat16: "bf16", mx.float32: "f32"}
FUSED = "mx.fast.scaled_dot_product_attention"
QUANTISED = "quantized_scaled_dot_product_attention of mlx-lm"


def loaded(
    model: Any,
    artifact: Artifact,
    options: MlxOptions,
    wired: devices.WiredLimit,
    caches: Sequence[Any],
    streams: int,
) -> Loaded:
    """What MLX resolved; `caches` are those of a short text that was computed at load."""
    return Loaded(
        boundary=Boundary.LIBRARY,
        engine_build=Fact(library.build(), "api"),
        parallelism=Fact(Parallelism.NONE, "api"),
        devices=(devices.device(),),
        context_tokens=Fact(artifact.context_tokens, "artifact"),
        weight_bytes=Fact(weights.nbytes(model), "api"),
        parameters=Fact(weights.count(model), "api"),
        kv_dtype=Fact(_kv_dtype(caches, options), "api"),
        kv_capacity_tokens=Fact(None, "api"),
        attention=Fact(_attention(model, options), "config"),
        prefix_cache=Fact(value=False, source="config"),
        settings=_settings(model, artifact, options, wired, caches)
        | {"streams": Fact(streams, "config")},
        ignored=_ignored(options, wired),
    )


def memory(held_by_weights: int, held_by_kv: int) -> Mapping[str, DeviceMemory]:
    """MLX's allocator: what is in use and what it keeps for use again."""
    return {
        devices.device().id: DeviceMemory(
            weights_bytes=held_by_weights,
            kv_bytes=held_by_kv,
            used_bytes=mx.get_active_memory() + mx.get_cache_memory(),
            cache_bytes=mx.get_cache_memory(),
            peak_bytes=mx.get_peak_memory(),
        )
    }


def _settings(
    model: Any,
    artifact: Artifact,
    options: MlxOptions,
    wired: devices.WiredLimit,
    caches: Sequence[Any],
) -> dict[str, Fact[Any]]:
    return {
        "device_backend": Fact(devices.backend(), "api"),
        "architecture": Fact(mx.device_info().get("architecture"), "api"),
        "recommended_working_set_bytes": Fact(wired.recommended, "api"),
        "wired_limit_bytes": Fact(wired.bytes, "config"),
        "speculative": Fact("none", "config"),
        "lookahead": Fact(options.lookahead, "config"),
        "prefill_step_size": Fact(options.prefill_step_size, "config"),
        "dtype": Fact(_dtypes(model), "api"),
        "quantisation": Fact(artifact.quantisation, "artifact"),
        "model_type": Fact(artifact.config["model_type"], "artifact"),
        "kv_cache": Fact(sorted({type(each).__name__ for each in caches}), "api"),
        "kv_group_size": Fact(options.kv_group_size if options.kv_bits else None, "config"),
        "quantized_kv_start": Fact(
            options.quantized_kv_start if options.kv_bits else None, "config"
        ),
    }


def _dtypes(model: Any) -> str:
    """Types of the parameters that are no packed words, such as "f16"."""
    found = {value.dtype for value in weights.values(model) if value.dtype in SHORT}
    return "/".join(sorted(SHORT[dtype] for dtype in found))


def _kv_dtype(caches: Sequence[Any], options: MlxOptions) -> str | None:
    """The type of the cached keys, or the bits they are quantised to."""
    found = {SHORT.get(each.keys.dtype) for each in caches if _is_plain(each)}
    found |= {f"q{each.bits}" for each in caches if hasattr(each, "bits")}
    told = "/".join(sorted(filter(None, found)))
    if options.kv_bits and options.quantized_kv_start:
        told += f" from {options.quantized_kv_start} tokens on"
    return told or None


def _is_plain(cache: Any) -> bool:
    return isinstance(getattr(cache, "keys", None), mx.array)


def _attention(model: Any, options: MlxOptions) -> str | None:
    """What the code of the model calls; None where it has attention of its own, or none."""
    module = sys.modules[type(model).__module__]
    called = getattr(module, "scaled_dot_product_attention", None)
    if called is not library.base.scaled_dot_product_attention:
        return None
    if not options.kv_bits:
        return FUSED
    return f"{FUSED}, then {QUANTISED}" if options.quantized_kv_start else QUANTISED


def _ignored(options: MlxOptions, wired: devices.WiredLimit) -> tuple[str, ...]:
    """Options given that have no effect here."""
    given = options.wired_limit_mib is not None
    return ("wired_limit_mib",) if given and wired.recommended is None else ()
