"""The graph that llama.cpp reserves its compute buffers for: one micro-batch through a decoder.

Follows `llm_graph_context` (llama-graph.cpp) and `llama_model_llama::graph` (models/llama.cpp) of
llama.cpp 0.5 as far as sizes go, for attention with a KV cache and MLPs with or without experts.
Its scheduler starts a split wherever the device changes, and copies what a split needs of others.
An operand that is a view, as queries and keys are by head, is never written over.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from crossbench.fit.allocator import Tensor
from crossbench.fit.shape import Layer, ModelShape, Weights

HOST = -1
NOTHING = Weights()
F32, I32, F16, I64 = 4, 4, 2, 8
ROTATION = 64
"""Width of the values' rotation; only heads of a multiple of it are rotated."""
PIPELINE_COPIES = 4
"""GGML_SCHED_MAX_COPIES of ggml-backend.cpp."""


class Placement(Struct, frozen=True, kw_only=True):
    """Where things are computed, and how much at once."""

    layers: tuple[int, ...]
    """Device of each layer, `HOST` for the CPU."""
    output: int
    """Device of the output layer."""
    tokens: int
    """Of one micro-batch."""
    cells: tuple[int, ...]
    """Tokens in the KV cache of each layer."""
    flash: bool
    rotated: tuple[bool, bool] = (False, False)
    """Whether keys and values are rotated before they are stored, as quantised ones are."""
    pipeline: bool = False
    """Whether micro-batches overlap, for which inputs are held several times."""


class _Graph:
    """Tensors in the order they are computed in, with the copies between devices."""

    def __init__(self, copies: int) -> None:
        self.inputs: list[Tensor] = []
        self._splits: list[tuple[list[Tensor], list[Tensor]]] = []
        self._device: int | None = None
        self._copied: dict[tuple[int, int], Tensor] = {}
        self._copies = copies

    def input(self, size: int) -> Tensor:
        """Something the caller fills in, on the host."""
        for _ in range(self._copies):
            tensor = Tensor(size, HOST, input=True, kept=self._copies > 1)
            self.inputs.append(tensor)
        return tensor

    def on(self, device: int) -> None:
        """Compute what follows on this device."""
        if device != self._device:
            self._device = device
            self._splits.append(([], []))

    def op(self, size: int, *sources: Tensor, over: Sequence[Tensor] = ()) -> Tensor:
        """A result of these sources, which may take over the memory of some."""
        assert self._device is not None
        here = {source: self._here(source) for source in sources}
        tensor = Tensor(
            size,
            self._device,
            tuple(here.values()),
            over=tuple(here[source] for source in over),
        )
        self._splits[-1][1].append(tensor)
        return tensor

    def tensors(self) -> list[Tensor]:
        """All of them, in order."""
        splits = [tensor for begin, nodes in self._splits for tensor in (*begin, *nodes)]
        return [*self.inputs, *splits]

    def _here(self, source: Tensor) -> Tensor:
        """The source itself, or its copy on this device, made at the beginning of the split."""
        device = self._device
        if source.device == device or device is None:
            return source
        known = self._copied.get((id(source), device))
        if known is None:
            begin = self._splits[-1][0]
            begin.append(Tensor(0, source.device, (source,)))
            for _ in range(self._copies):
                known = Tensor(source.size, device, input=self._copies > 1, kept=self._copies > 1)
                begin.append(known)
            assert known is not None
            self._copied[id(source), device] = known
        return known


class _Inputs:
    """What the caller fills in before a micro-batch is computed."""

    def __init__(self, graph: _Graph, shape: ModelShape, place: Placement) -> None:
        tokens = place.tokens
        self.tokens = graph.input(tokens * I32)
        graph.input(tokens * shape.hidden * F32)  # embeddings, held in case they are given
        self.positions = graph.input(tokens * I32)
        keys, values = place.rotated
        self.key_rotation = graph.input(_rotation(shape) ** 2 * F32) if keys else None
        self.value_rotation = graph.input(ROTATION**2 * F32) if values else None
        self.keys = graph.input(tokens * I64)
        value_rows = (
            1
            if place.flash
            else max((layer.kv_heads * layer.value_width for layer in shape.layers), default=1)
        )
        self.values = graph.input(tokens * value_rows * I64)
        width = F16 if place.flash else F32
        self.masks = {
            cells: graph.input(cells * tokens * width) for cells in dict.fromkeys(place.cells)
        }
        self.wanted = graph.input(tokens * I32)


def _rotation(shape: ModelShape) -> int:
    """Width of the keys' rotation: the largest power of 2 that divides a head's key."""
    width = shape.layers[0].key_width
    return width & -width


def decoder(shape: ModelShape, place: Placement) -> list[Tensor]:
    """The tensors of one micro-batch of which every token's logits are wanted.

    Of a run of equal layers, four stand for all: what one holds is free before the next but one.
    """
    shape, place = _abridged(shape, place)
    graph = _Graph(PIPELINE_COPIES if place.pipeline else 1)
    inputs = _Inputs(graph, shape, place)
    tokens, row = place.tokens, place.tokens * shape.hidden * F32
    graph.on(HOST)
    stream = graph.op(row, inputs.tokens)
    last = len(shape.layers) - 1
    following = (*place.layers[1:], place.output)
    for index, layer in enumerate(shape.layers):
        device = place.layers[index]
        # What needs no weights goes to a GPU where one comes next.
        adding = following[index] if device == HOST else device
        graph.on(device)
        given = stream
        mixed = given
        if layer.kv_heads:
            mixed = _attention(graph, inputs, layer, given, place, index, row)
        if index == last:
            mixed = graph.op(row, mixed, inputs.wanted)
            given = graph.op(row, given, inputs.wanted)
        middle = graph.op(row, mixed, given, over=(mixed, given))
        mlp = _experts if layer.experts else _dense
        told = mlp(graph, layer, _normed(graph, middle, row), place, row, adding)
        stream = graph.op(row, told, middle, over=(told, middle))
    graph.on(place.output)
    normed = _normed(graph, stream, row)
    normed.kept = True
    graph.op(tokens * shape.vocabulary * F32, normed).kept = True
    return graph.tensors()


def _abridged(shape: ModelShape, place: Placement) -> tuple[ModelShape, Placement]:
    kinds = [
        (replace(layer, weights=NOTHING, largest_weight_bytes=0, replicated_bytes=0), device, cells)
        for layer, device, cells in zip(shape.layers, place.layers, place.cells, strict=True)
    ]
    kept = [
        index
        for index, kind in enumerate(kinds)
        if kinds[max(0, index - 2) : index + 3] != [kind] * 5
    ]
    return (
        replace(shape, layers=tuple(shape.layers[index] for index in kept)),
        replace(
            place,
            layers=tuple(place.layers[index] for index in kept),
            cells=tuple(place.cells[index] for index in kept),
        ),
    )


def _normed(graph: _Graph, source: Tensor, row: int) -> Tensor:
    return graph.op(row, source, over=(source,))


def _attention(
    graph: _Graph,
    inputs: _Inputs,
    layer: Layer,
    stream: Tensor,
    place: Placement,
    index: int,
    row: int,
) -> Tensor:
    tokens, mask = place.tokens, inputs.masks[place.cells[index]]
    per_head = tokens * F32
    normed = _normed(graph, stream, row)
    query = graph.op(per_head * layer.heads * layer.key_width, normed)
    query = _turned(graph, graph.op(query.size, query, inputs.positions), inputs.key_rotation)
    value = graph.op(per_head * layer.kv_heads * layer.value_width, normed)
    value = _turned(graph, value, inputs.value_rotation)
    key = graph.op(per_head * layer.kv_heads * layer.key_width, normed)
    key = _turned(graph, graph.op(key.size, key, inputs.positions), inputs.key_rotation)
    graph.op(0, key, inputs.keys)
    graph.op(0, value, inputs.values)
    out_bytes = per_head * layer.heads * layer.value_width
    if place.flash:
        out = graph.op(out_bytes, query, mask)
    else:
        weights = graph.op(place.cells[index] * per_head * layer.heads, query)
        weights = graph.op(weights.size, weights, mask, over=(weights,))
        out = graph.op(out_bytes, weights)
        out = graph.op(out_bytes, out)
    return graph.op(row, _turned(graph, out, inputs.value_rotation))


def _turned(graph: _Graph, values: Tensor, rotation: Tensor | None) -> Tensor:
    return values if rotation is None else graph.op(values.size, values, rotation)


def _dense(
    graph: _Graph, layer: Layer, normed: Tensor, place: Placement, row: int, adding: int
) -> Tensor:
    told = _mlp(graph, normed, place.tokens * layer.feed_forward * F32, row, gated=layer.gated)
    graph.on(adding)
    return told


def _mlp(graph: _Graph, normed: Tensor, inner: int, row: int, *, gated: bool) -> Tensor:
    if not gated:
        up = graph.op(inner, normed)
        return graph.op(row, graph.op(inner, up, over=(up,)))
    gate = graph.op(inner, normed)
    up = graph.op(inner, normed)
    return graph.op(row, graph.op(inner, gate, up))


def _experts(
    graph: _Graph, layer: Layer, normed: Tensor, place: Placement, row: int, adding: int
) -> Tensor:
    tokens, used = place.tokens, layer.experts_used
    logits = graph.op(tokens * layer.experts * F32, normed)
    chances = graph.op(logits.size, logits, over=(logits,))
    chosen = graph.op(tokens * layer.experts * I32, chances)
    weights = graph.op(tokens * used * F32, chances, chosen)
    total = graph.op(tokens * F32, weights)
    total = graph.op(total.size, total, over=(total,))
    weights = graph.op(weights.size, weights, total)
    inner = tokens * used * layer.feed_forward * F32
    gate = graph.op(inner, normed, chosen)
    up = graph.op(inner, normed, chosen)
    down = graph.op(used * row, graph.op(inner, gate, up), chosen)
    if not layer.shared_feed_forward:
        graph.on(adding)
    told = graph.op(down.size, down, weights, over=(down,))
    added = told
    for _ in range(used - 1):
        added = graph.op(row, *dict.fromkeys((added, told)), over=() if added is told else (added,))
    if layer.shared_feed_forward:
        shared = _mlp(graph, normed, tokens * layer.shared_feed_forward * F32, row, gated=True)
        graph.on(adding)
        added = graph.op(row, added, shared, over=(added, shared))
    return added
