"""What MLX would take of unified memory. Options are the names of the MLX backend's.

Weights lie as stored or cast; caches grow in steps of 256 tokens (`KVCache` and `QuantizedKVCache`
of mlx-lm's models/cache.py), those of a window stop growing at it. MLX computes lazily and frees
what nothing refers to, so activations are those of the layer that holds most. Several requests at
once have a cache each, of the longest one's length, and up to `PROMPTS` of them are prefilled
together (mlx-lm's generate.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from crossbench.api import Needs
from crossbench.fit.footprint import DeviceRoom, Estimate, Footprint, Part
from crossbench.fit.shape import Layer, ModelShape

STEP = 256
COPIES, COPIES_QUANTISED = 1.5, 2.5
"""Of attention's scores, where they are written down: by the CPU, which was seen to hold between
one and two, and over a quantised cache, where mask and softmax are steps of their own."""
PROMPTS = 8
WIDTHS = {"float16": 2, "bfloat16": 2, "float32": 4}


class Options(Struct, frozen=True, kw_only=True):
    """Those of the backend's options that decide about memory; a test holds the defaults."""

    dtype: str | None = None
    prefill_step_size: int = 2048
    kv_bits: int | None = None
    kv_group_size: int = 64


def estimate(
    options: Mapping[str, Any], shape: ModelShape, needs: Needs, rooms: Sequence[DeviceRoom]
) -> Estimate:
    """What a folder of this shape takes while the longest request runs, on the first device."""
    chosen = msgspec.convert(options, Options)
    width = WIDTHS.get(chosen.dtype or "", shape.float_width)
    context = _stepped(needs.context_tokens)
    per_token = [_cell_bytes(chosen, layer, width) for layer in shape.layers]
    room = next(iter(rooms), DeviceRoom(name="memory", kind="host"))
    footprint = Footprint(
        device=room.name,
        weights=Part(shape.total.cast(WIDTHS.get(chosen.dtype or "")), "header"),
        kv=Part(
            needs.streams
            * sum(
                cell * _cells(layer, context, chosen)
                for cell, layer in zip(per_token, shape.layers, strict=True)
            )
        ),
        compute=Part(
            min(needs.streams, PROMPTS)
            * _activations(chosen, shape, needs.context_tokens, width, room),
            "assumed",
        ),
    )
    return Estimate(
        footprints=(footprint,),
        context_tokens=needs.context_tokens,
        kv_capacity_tokens=context * needs.streams,
        kv_bytes_per_token=sum(per_token),
        notes=((f"the caches of {shape.unmodelled} are not covered",) if shape.unmodelled else ()),
    )


def _stepped(tokens: int) -> int:
    return -(-tokens // STEP) * STEP


def _cells(layer: Layer, context: int, chosen: Options) -> int:
    """Tokens a layer's cache has room for; a window's takes a whole prefill step besides."""
    if layer.window is None:
        return context
    return min(context, layer.window + chosen.prefill_step_size - 1)


def _cell_bytes(chosen: Options, layer: Layer, width: int) -> int:
    """Of one token in one layer; quantised, each group has a scale and a bias."""
    bits = chosen.kv_bits
    if bits is None:
        return layer.kv_values * width
    packed = layer.kv_values * bits // 8
    return packed + layer.kv_values // chosen.kv_group_size * 2 * width


def _activations(
    chosen: Options, shape: ModelShape, context: int, width: int, room: DeviceRoom
) -> int:
    """Of one prefill step. The CPU's attention writes its scores down, Metal's does not.

    Attention and MLP are added up: work is dispatched ahead of what is freed.
    """
    tokens = min(chosen.prefill_step_size, context)
    scores = 0.0
    if chosen.kv_bits is not None:
        scores = COPIES_QUANTISED * context
    elif room.kind == "host":
        scores = COPIES * context
    return max(
        round(tokens * width * (_attention(layer, shape, scores) + _mlp(layer, shape)))
        for layer in shape.layers
    )


def _attention(layer: Layer, shape: ModelShape, scores: float) -> float:
    """Numbers a token: the stream, queries, keys, values, the result, and scores if written."""
    queries = layer.heads * layer.key_width
    return shape.hidden + 3 * queries + 2 * layer.kv_values + scores * layer.heads


def _mlp(layer: Layer, shape: ModelShape) -> int:
    """Numbers a token: the stream, its norm, and what each expert in use has of it."""
    used = max(1, layer.experts_used)
    return 2 * shape.hidden + 3 * used * layer.feed_forward + (used - 1) * shape.hidden
