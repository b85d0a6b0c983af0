"""The shape of a model from a GGUF's header. Keys are those of llama.cpp's `llama-arch.cpp`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from crossbench.errors import HeaderError
from crossbench.fit.shape import Layer, ModelShape, Weights
from crossbench.headers.gguf import Gguf, Tensor

BLOCK = re.compile(r"blk\.(\d+)\.")
WINDOW_PERIODS = {
    "afmoe": 4,
    "cohere2": 4,
    "exaone-moe": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "llama4": 4,
    "olmo2": 4,
    "plamo3": 8,
}
"""Architectures whose every n-th layer looks back at everything (`load_swa_pattern` of llama.cpp's
models); of others a window is believed only where the header says which layers have it."""
FLOATS = frozenset({"f32", "f16", "bf16"})
MOST_LAYERS = 4096
MLA = "latent attention"
RECURRENT = "recurrent layers"


def shape(header: Gguf) -> ModelShape:
    """The shape a header tells. Raises HeaderError where it lacks what every decoder has."""
    keys = _Keys(header)
    held: defaultdict[int | str, list[Tensor]] = defaultdict(list)
    for tensor in header.tensors:
        block = BLOCK.match(tensor.name)
        held[int(block[1]) if block else tensor.name].append(tensor)
    embedding, output = held.pop("token_embd.weight", []), held.pop("output.weight", [])
    if not embedding:
        raise HeaderError("the GGUF has no token_embd.weight; is it a language model?")
    count = keys.needed("block_count")
    if count > MOST_LAYERS:
        raise HeaderError(f"the GGUF has {count} layers; at most {MOST_LAYERS} can be")
    hidden = keys.needed("embedding_length")
    return ModelShape(
        architecture=keys.architecture,
        layers=tuple(_layer(keys, held.pop(index, []), index, hidden) for index in range(count)),
        hidden=hidden,
        vocabulary=embedding[0].shape[-1],
        context_tokens=keys.number("context_length"),
        embedding=_weights(embedding),
        output=_weights(output),
        other=_weights([tensor for tensors in held.values() for tensor in tensors]),
        parameters=sum(tensor.values for tensor in header.tensors),
        float_width=2,
        unmodelled=_unmodelled(keys, header),
    )


class _Keys:
    """The architecture's own keys, some of which have a value a layer."""

    def __init__(self, header: Gguf) -> None:
        self._header = header
        architecture = header.text("general.architecture")
        if architecture is None:
            raise HeaderError("the GGUF names no general.architecture; is it a language model?")
        self.architecture = architecture

    def number(self, key: str, layer: int = 0) -> int | None:
        """An integer, that of the layer where each has one; None where absent."""
        name = f"{self.architecture}.{key}"
        several = self._header.array(name)
        if several is None:
            return self._header.number(name)
        values = list(several)[: layer + 1] if layer < len(several) else []
        return int(values[layer]) if values else None

    def each_layer(self, key: str) -> bool:
        """Whether each layer has a value of its own."""
        return self._header.array(f"{self.architecture}.{key}") is not None

    def needed(self, key: str, layer: int = 0) -> int:
        """An integer without which nothing can be said. Raises HeaderError."""
        found = self.number(key, layer)
        if found is None or found < 0:
            raise HeaderError(f"the GGUF names no {self.architecture}.{key}")
        return found


def _layer(keys: _Keys, tensors: Sequence[Tensor], index: int, hidden: int) -> Layer:
    heads = keys.needed("attention.head_count", index)
    names = {tensor.name.split(".", 2)[2] for tensor in tensors}
    window = _window(keys, index)
    swa = "_swa" if window and keys.number("attention.key_length_swa") else ""
    width = hidden // heads if heads else 0
    kv_heads = keys.number("attention.head_count_kv", index)
    attends = bool({"attn_k.weight", "attn_qkv.weight", "attn_v.weight"} & names)
    expert_width = keys.number("expert_feed_forward_length", index)
    dense_width = keys.number("feed_forward_length", index) or 0
    routed = any("_exps" in name for name in names)
    return Layer(
        weights=_weights(tensors),
        largest_weight_bytes=max((tensor.bytes for tensor in tensors), default=0),
        replicated_bytes=sum(tensor.bytes for tensor in tensors if len(tensor.shape) == 1),
        heads=heads,
        kv_heads=(heads if kv_heads is None else kv_heads) if attends else 0,
        key_width=keys.number(f"attention.key_length{swa}") or width,
        value_width=keys.number(f"attention.value_length{swa}") or width,
        feed_forward=(expert_width or dense_width) if routed else dense_width,
        gated=_gated(tensors, dense_width),
        shared_feed_forward=_shared(tensors),
        experts=(keys.number("expert_count") or 0) if routed else 0,
        experts_used=(keys.number("expert_used_count", index) or 0) if routed else 0,
        window=window,
        head_norm="attn_q_norm.weight" in names,
        post_norm="post_attention_norm.weight" in names,
    )


def _window(keys: _Keys, index: int) -> int | None:
    """Tokens that a layer's attention looks back, where it is not all of them."""
    window = keys.number("attention.sliding_window")
    if not window:
        return None
    if keys.each_layer("attention.sliding_window_pattern"):
        return window if keys.number("attention.sliding_window_pattern", index) else None
    period = keys.number("attention.sliding_window_pattern") or WINDOW_PERIODS.get(
        keys.architecture, 1
    )
    return window if index % period < period - 1 else None


def _gated(tensors: Sequence[Tensor], width: int) -> bool:
    """Whether there is a gate, be it in one tensor with the upward projection."""
    up = [tensor.shape[-1] for tensor in tensors if tensor.name.endswith(".ffn_up.weight")]
    return up != [width] or any(".ffn_gate" in tensor.name for tensor in tensors)


def _shared(tensors: Sequence[Tensor]) -> int:
    for tensor in tensors:
        if tensor.name.endswith("ffn_up_shexp.weight"):
            return tensor.shape[-1]
    return 0


def _weights(tensors: Sequence[Tensor]) -> Weights:
    floats = [tensor for tensor in tensors if tensor.type in FLOATS]
    return Weights(
        sum(tensor.bytes for tensor in tensors),
        sum(tensor.values for tensor in floats),
        sum(tensor.bytes for tensor in floats),
    )


def _unmodelled(keys: _Keys, header: Gguf) -> str | None:
    if keys.number("attention.kv_lora_rank"):
        return MLA
    if any(".ssm_" in tensor.name or ".time_mix" in tensor.name for tensor in header.tensors):
        return RECURRENT
    if keys.number("nextn_predict_layers"):
        return "layers that predict several tokens"
    return None
