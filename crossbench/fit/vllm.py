"""What vLLM would take of each device. Options are the names of the vLLM backend's.

Every matrix is split over the ranks of a tensor parallel group (`ColumnParallelLinear`,
`RowParallelLinear`, `VocabParallelEmbedding`), layers over those of a pipeline. On a GPU the KV
cache takes whatever `gpu_memory_utilization` leaves after weights and the peak of a trial run
(`gpu_worker.py`, vLLM 0.33); on the CPU its size is set. That peak is measured by vLLM at start,
here it is assumed. Windows count as full attention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from crossbench.api import Needs
from crossbench.fit.footprint import DeviceRoom, Estimate, Footprint, Part
from crossbench.fit.shape import Layer, ModelShape, Weights

GIB = 2**30
CPU_KV_GIB = 1.0
"""The vLLM backend's choice where `kv_cache_gib` is absent."""
BLOCK = 16
VOCABULARY_PADDING = 64
BATCHED_TOKENS, SEQUENCES = 2048, 128
"""vLLM's defaults for an engine in process (DEFAULT_MAX_NUM_BATCHED_TOKENS, scheduler.py)."""
CUDA_OVERHEAD = 600 * 2**20
"""Assumed: CUDA's context and the kernels loaded into it."""
NCCL_OVERHEAD = 400 * 2**20
"""Assumed, of each rank of several: NCCL's buffers and the all-reduce workspace."""
GRAPH_OVERHEAD = 500 * 2**20
"""Assumed: captured CUDA graphs, none with `enforce_eager`."""
WIDTHS = {"half": 2, "float16": 2, "bfloat16": 2, "float": 4, "float32": 4}
KV_BITS = {
    "float16": 16,
    "bfloat16": 16,
    "fp8": 8,
    "fp8_e4m3": 8,
    "fp8_e5m2": 8,
    "int8_per_token_head": 8,
    "nvfp4": 4.5,
}


class Options(Struct, frozen=True, kw_only=True):
    """Those of the backend's options that decide about memory; a test holds the defaults."""

    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    dtype: str = "auto"
    kv_cache_dtype: str = "auto"
    gpu_memory_utilization: float = 0.92
    kv_cache_gib: float | None = None
    cpu_offload_gib: float = 0.0
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    enforce_eager: bool = False


def estimate(
    options: Mapping[str, Any], shape: ModelShape, needs: Needs, rooms: Sequence[DeviceRoom]
) -> Estimate:
    """What a folder of this shape takes, on as many GPUs as it has ranks or else on the host."""
    chosen = msgspec.convert(options, Options)
    ranks = chosen.tensor_parallel_size * chosen.pipeline_parallel_size
    gpus = [room for room in rooms if room.kind != "host"][:ranks]
    context = chosen.max_model_len or needs.context_tokens
    stages = _stages(shape, chosen.pipeline_parallel_size)
    per_token = [
        _token_bytes(chosen, stage) for stage in stages for _ in range(chosen.tensor_parallel_size)
    ]
    wanted = -(-context // BLOCK) * BLOCK * needs.streams
    footprints = tuple(
        _footprint(
            chosen,
            shape,
            stages,
            rank,
            gpus[rank] if gpus and rank < len(gpus) else _supposed(rank, gpus),
            wanted * per_token[rank],
        )
        for rank in range(ranks)
    )
    capacity = min(
        footprint.kv.bytes // cell if cell else wanted
        for footprint, cell in zip(footprints, per_token, strict=True)
    )
    return Estimate(
        footprints=footprints,
        context_tokens=context,
        kv_capacity_tokens=capacity // BLOCK * BLOCK,
        kv_bytes_per_token=sum(per_token),
        notes=(f"the caches of {shape.unmodelled} are not covered",) if shape.unmodelled else (),
    )


def _supposed(rank: int, gpus: Sequence[DeviceRoom]) -> DeviceRoom:
    """A rank beyond the devices there are: another GPU like them, or one more part of the host."""
    kind = gpus[0].kind if gpus else "host"
    return DeviceRoom(name="host" if kind == "host" else f"GPU {rank}", kind=kind)


def _stages(shape: ModelShape, count: int) -> list[tuple[Layer, ...]]:
    """Layers of each stage of the pipeline; the last ones but one take what is left over."""
    each, more = divmod(len(shape.layers), count)
    sizes = [each] * count
    for index in range(2, more + 2):
        sizes[-index % count] += 1
    begins = [sum(sizes[:index]) for index in range(count)]
    return [shape.layers[b : b + size] for b, size in zip(begins, sizes, strict=True)]


def _footprint(
    chosen: Options,
    shape: ModelShape,
    stages: Sequence[tuple[Layer, ...]],
    rank: int,
    room: DeviceRoom,
    wanted: int,
) -> Footprint:
    stage = rank // chosen.tensor_parallel_size
    weights = _weights(chosen, shape, stages, stage)
    if room.kind == "host":
        kv_gib = chosen.kv_cache_gib or CPU_KV_GIB
        return Footprint(
            device="host",
            weights=Part(weights, "header"),
            kv=Part(round(kv_gib * GIB)),
            compute=Part(_activations(chosen, shape), "assumed"),
        )
    weights = max(0, weights - round(chosen.cpu_offload_gib * GIB))
    compute = _activations(chosen, shape)
    overhead = CUDA_OVERHEAD + (0 if chosen.enforce_eager else GRAPH_OVERHEAD)
    if chosen.tensor_parallel_size > 1:
        overhead += NCCL_OVERHEAD
    if chosen.kv_cache_gib is not None:
        kv = round(chosen.kv_cache_gib * GIB)
    elif room.total_bytes is None:
        kv = wanted
    else:
        budget = round(chosen.gpu_memory_utilization * room.total_bytes)
        kv = max(0, budget - weights - compute - overhead)
    return Footprint(
        device=room.name,
        weights=Part(weights, "header"),
        kv=Part(kv),
        compute=Part(compute, "assumed"),
        overhead=Part(overhead, "assumed"),
    )


def _width(chosen: Options) -> int:
    """Bytes of the type it computes in; of a model in f32, `auto` makes 16 bits."""
    return WIDTHS.get(chosen.dtype, 2)


def _weights(
    chosen: Options,
    shape: ModelShape,
    stages: Sequence[tuple[Layer, ...]],
    stage: int,
) -> int:
    """Of one rank. An embedding that serves as output layer too is there once a stage."""
    tp, width = chosen.tensor_parallel_size, _width(chosen)
    layers = sum((layer.weights for layer in stages[stage]), Weights())
    replicated = sum(layer.replicated_bytes for layer in stages[stage])
    held = (layers.cast(width) - replicated) // tp + replicated
    last = stage == len(stages) - 1
    padded = -(-shape.vocabulary // VOCABULARY_PADDING) * VOCABULARY_PADDING / shape.vocabulary
    outside = Weights()
    if stage == 0 or (last and shape.tied):
        outside += shape.embedding
    if last:
        outside += shape.output
    held += round(outside.cast(width) * padded) // tp
    return held + (shape.other.cast(width) if last else 0)


def _token_bytes(chosen: Options, layers: Sequence[Layer]) -> int:
    """Of one token's keys and values on one rank; heads fewer than ranks are held several times."""
    tp = chosen.tensor_parallel_size
    bits = KV_BITS.get(chosen.kv_cache_dtype, 8 * _width(chosen))
    heads = [max(1, layer.kv_heads // tp) if layer.kv_heads else 0 for layer in layers]
    values = sum(
        count * (layer.key_width + layer.value_width)
        for count, layer in zip(heads, layers, strict=True)
    )
    scales = 8 * sum(heads) if chosen.kv_cache_dtype == "int8_per_token_head" else 0
    return int(values * bits / 8) + scales


def _activations(chosen: Options, shape: ModelShape) -> int:
    """Of the trial run: one layer over a full batch, or the sampler over all sequences."""
    tp, width = chosen.tensor_parallel_size, _width(chosen)
    tokens = chosen.max_num_batched_tokens or BATCHED_TOKENS
    sequences = min(chosen.max_num_seqs or SEQUENCES, tokens)
    inner = max(3 * max(1, layer.experts_used) * layer.feed_forward // tp for layer in shape.layers)
    layer = tokens * width * (4 * shape.hidden + inner)
    sampler = sequences * shape.vocabulary * (width + 3 * 4)
    return max(layer, sampler)
