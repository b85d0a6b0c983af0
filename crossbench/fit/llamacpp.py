"""What llama.cpp would take of each device. Options are the names of the llama.cpp backend's.

Layers go to devices as in `llama_model::load_tensors` (the output layer is one more layer, the
embedding stays on the host), the KV cache as in llama-kv-cache.cpp and llama-kv-cache-iswa.cpp,
compute buffers as the reserved graph is allocated (`graph`, `allocator`): llama.cpp 0.5. Of
several requests at once each has a cache of its own, unless the cache is unified, and a row of
logits in the output buffer.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from msgspec import Struct

from crossbench.api import Needs
from crossbench.fit.allocator import buffers
from crossbench.fit.footprint import DeviceRoom, Estimate, Footprint, Part
from crossbench.fit.graph import F32, HOST, ROTATION, Placement, decoder
from crossbench.fit.shape import Layer, ModelShape
from crossbench.headers.ggml_types import BY_NAME

CELLS = 256
"""Contexts and windows are rounded up to a multiple of these."""
FLOATS = frozenset({"f32", "f16", "bf16"})
ALIGNMENT = {"cuda": 128, "metal": 32, "remote": 32, "host": 32}
CUDA_OVERHEAD = 512 * 2**20
"""Assumed: CUDA's context, cuBLAS's workspace and ggml's pool for intermediate results."""
METAL_OVERHEAD = 64 * 2**20
"""Assumed."""
OVERHEAD = {"cuda": CUDA_OVERHEAD, "metal": METAL_OVERHEAD, "remote": 0}


class Options(Struct, frozen=True, kw_only=True):
    """Those of the backend's options that decide about memory; a test holds the defaults."""

    n_gpu_layers: int = -1
    split_mode: str = "layer"
    tensor_split: tuple[float, ...] | None = None
    main_gpu: int = 0
    rpc_servers: tuple[str, ...] | None = None
    n_ctx: int | None = None
    n_batch: int = 2048
    n_ubatch: int = 512
    flash_attn: str = "auto"
    type_k: str = "f16"
    type_v: str = "f16"
    kv_unified: bool = False
    offload_kqv: bool = True
    op_offload: bool = True


def estimate(
    options: Mapping[str, Any], shape: ModelShape, needs: Needs, rooms: Sequence[DeviceRoom]
) -> Estimate:
    """What a GGUF of this shape takes, on the GPUs among `rooms` or on the host alone."""
    chosen = msgspec.convert(options, Options)
    caches = _caches(chosen, needs)
    gpus = [*_remote(chosen), *(room for room in rooms if room.kind != "host")]
    if not chosen.n_gpu_layers:
        gpus = []
    if chosen.split_mode == "none":
        gpus = gpus[chosen.main_gpu : chosen.main_gpu + 1]
    shares = _shares(chosen.tensor_split, gpus)
    tensor = chosen.split_mode in ("tensor", "row") and len(gpus) > 1
    place = _placement(chosen, shape, caches, shares, tensor=tensor)
    compute = _compute(chosen, shape, place, gpus)
    footprints = (
        _tensor_split(chosen, shape, place, caches, gpus, shares, compute)
        if tensor
        else _layer_split(chosen, shape, place, caches, gpus, compute)
    )
    host = Footprint(
        device="host",
        weights=Part(_weights(shape, place, HOST), "header"),
        kv=Part(_kv(chosen, shape, place, HOST) * caches.count),
        compute=Part(compute.get(HOST, 0) + shape.vocabulary * F32 * needs.streams),
    )
    return Estimate(
        footprints=(*footprints, host),
        context_tokens=caches.tokens // caches.streams,
        kv_capacity_tokens=caches.tokens * caches.count,
        kv_bytes_per_token=sum(_cell_bytes(chosen, layer) for layer in shape.layers),
        notes=_notes(chosen, shape, gpus),
    )


class _Caches(Struct, frozen=True):
    """The KV caches of a context: one for each of so many requests, or one for all of them."""

    count: int
    tokens: int
    """Of each."""
    streams: int
    """Requests that share each."""


def _caches(chosen: Options, needs: Needs) -> _Caches:
    each = chosen.n_ctx or needs.context_tokens
    if chosen.kv_unified:
        return _Caches(1, _rounded(each * needs.streams), needs.streams)
    return _Caches(needs.streams, _rounded(each), 1)


def _remote(chosen: Options) -> list[DeviceRoom]:
    """One device a server, before those of this machine; of their memory nothing is known here."""
    return [DeviceRoom(name=server, kind="remote") for server in chosen.rpc_servers or ()]


def _rounded(tokens: int) -> int:
    return -(-tokens // CELLS) * CELLS


def _shares(split: Sequence[float] | None, gpus: Sequence[DeviceRoom]) -> list[float]:
    """Cumulated shares of the devices, which follow free memory where none are given."""
    free = [float(room.free_bytes or 0) for room in gpus]
    parts = [*(split or (free if all(free) else [1.0] * len(gpus)))][: len(gpus)]
    parts += [0.0] * (len(gpus) - len(parts))
    total = sum(parts) or 1.0
    return [_single(part / total) for part in accumulate(parts)]


def _single(value: float) -> float:
    """As a C float, which decides where a layer at a boundary goes."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _placement(
    chosen: Options,
    shape: ModelShape,
    caches: _Caches,
    shares: Sequence[float],
    *,
    tensor: bool,
) -> Placement:
    count = len(shape.layers) + 1
    offloaded = count if chosen.n_gpu_layers < 0 else min(chosen.n_gpu_layers, count)
    offloaded = offloaded if shares else 0
    first = count - offloaded

    def device(index: int) -> int:
        if index < first:
            return HOST
        if tensor:
            return 0
        return min(bisect_right(shares, _single((index - first) / offloaded)), len(shares) - 1)

    tokens = min(chosen.n_ubatch, chosen.n_batch, caches.tokens * caches.count)
    streams = caches.count * caches.streams
    return Placement(
        layers=tuple(device(index) for index in range(count - 1)),
        output=device(count - 1),
        tokens=-(-tokens // streams) * streams,
        cells=tuple(_cells(layer, caches, tokens) for layer in shape.layers),
        flash=chosen.flash_attn != "off",
        rotated=_rotated(chosen, shape),
        pipeline=len(shares) > 1 and first == 0 and not tensor and chosen.offload_kqv,
    )


def _rotated(chosen: Options, shape: ModelShape) -> tuple[bool, bool]:
    """Quantised keys and values are rotated, where heads allow it (`attn_rot_k`, `attn_rot_v`)."""
    first = shape.layers[0]
    return (
        chosen.type_k not in FLOATS and first.key_width % ROTATION == 0,
        chosen.type_v not in FLOATS and first.value_width % ROTATION == 0,
    )


def _cells(layer: Layer, caches: _Caches, tokens: int) -> int:
    if layer.window is None:
        return caches.tokens
    windows = layer.window * caches.streams + tokens
    return min(caches.tokens, _rounded(min(caches.tokens, windows)))


def _compute(
    chosen: Options, shape: ModelShape, place: Placement, gpus: Sequence[DeviceRoom]
) -> dict[int, int]:
    """Device -> bytes. A GPU that helps the host's layers holds one weight of theirs at a time."""
    alignment = max((ALIGNMENT[room.kind] for room in gpus), default=ALIGNMENT["host"])
    found = buffers(decoder(shape, place), alignment)
    left = [layer for layer, at in zip(shape.layers, place.layers, strict=True) if at == HOST]
    if left and gpus and chosen.op_offload and gpus[0].kind == "cuda":
        found[0] = found.get(0, 0) + max(layer.largest_weight_bytes for layer in left)
    return found


def _layer_split(
    chosen: Options,
    shape: ModelShape,
    place: Placement,
    caches: _Caches,
    gpus: Sequence[DeviceRoom],
    compute: Mapping[int, int],
) -> tuple[Footprint, ...]:
    return tuple(
        Footprint(
            device=room.name,
            weights=Part(_weights(shape, place, index), "header"),
            kv=Part(_kv(chosen, shape, place, index) * caches.count),
            compute=Part(compute.get(index, 0)),
            overhead=_overhead(room),
        )
        for index, room in enumerate(gpus)
    )


def _tensor_split(
    chosen: Options,
    shape: ModelShape,
    place: Placement,
    caches: _Caches,
    gpus: Sequence[DeviceRoom],
    shares: Sequence[float],
    compute: Mapping[int, int],
) -> tuple[Footprint, ...]:
    """Each device a part of every matrix and cache, all norms, and the whole compute buffer.

    Shares are rounded by llama.cpp to whole heads and blocks, here they are not. An embedding that
    serves as output layer too is not split.
    """
    on_gpus = [layer for layer, at in zip(shape.layers, place.layers, strict=True) if at != HOST]
    copied = sum(layer.replicated_bytes for layer in on_gpus)
    if shape.tied and place.output != HOST:
        copied += shape.embedding.bytes
    split = _weights(shape, place, 0) - copied
    parts = [high - low for low, high in zip((0.0, *shares), shares, strict=False)]
    return tuple(
        Footprint(
            device=room.name,
            weights=Part(round(split * part) + copied, "header"),
            kv=Part(round(_kv(chosen, shape, place, 0) * caches.count * part)),
            compute=Part(compute.get(0, 0)),
            overhead=_overhead(room),
        )
        for room, part in zip(gpus, parts, strict=True)
    )


def _overhead(room: DeviceRoom) -> Part:
    return Part(OVERHEAD[room.kind], "assumed")


def _weights(shape: ModelShape, place: Placement, device: int) -> int:
    """Weights on a device. A GPU gets a copy of the embedding that serves as output layer too."""
    held = sum(
        layer.weights.bytes
        for layer, at in zip(shape.layers, place.layers, strict=True)
        if at == device
    )
    if device == place.output:
        held += shape.other.bytes + shape.output.bytes
        held += shape.embedding.bytes if shape.tied and device != HOST else 0
    return held + (shape.embedding.bytes if device == HOST else 0)


def _kv(chosen: Options, shape: ModelShape, place: Placement, device: int) -> int:
    """Of one cache."""
    return sum(
        _cell_bytes(chosen, layer) * cells
        for layer, at, cells in zip(shape.layers, place.layers, place.cells, strict=True)
        if (at if chosen.offload_kqv else HOST) == device
    )


def _cell_bytes(chosen: Options, layer: Layer) -> int:
    """Of one token in one layer."""
    return sum(
        layer.kv_heads * width * BY_NAME[kind].block_bytes // BY_NAME[kind].block_values
        for kind, width in (
            (chosen.type_k, layer.key_width),
            (chosen.type_v, layer.value_width),
        )
    )


def _notes(chosen: Options, shape: ModelShape, gpus: Sequence[DeviceRoom]) -> tuple[str, ...]:
    notes = []
    if shape.unmodelled:
        notes.append(f"KV cache and compute buffers of {shape.unmodelled} are not covered")
    if gpus and not chosen.offload_kqv:
        notes.append("compute buffers with offload_kqv off are not covered")
    return tuple(notes)
