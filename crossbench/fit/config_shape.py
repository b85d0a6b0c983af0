"""The shape of a model from a folder as Hugging Face lays it out: config.json and safetensors.

Keys of the config are those of transformers; quantised weights are told by their tensors' names:
AWQ and GPTQ (`qweight`, `scales`, `qzeros`), MLX (`weight`, `scales`, `biases`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crossbench.errors import HeaderError
from crossbench.fit.shape import Layer, ModelShape, Weights
from crossbench.headers.safetensors import FLOATS, Tensor

LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.(.+)")
OTHER_MODALITY = re.compile(r"vision|visual|audio|multi_modal|mm_projector")
EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|wte|word_embeddings)\.")
OUTPUT = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.")
MOST_LAYERS = 4096
WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}
WORD_BITS = 32
PACKED = {"qweight", "weight_packed"}
NO_PARAMETERS = {"scales", "biases", "qzeros", "g_idx", "weight_scale", "weight_shape"}


def shape(config_json: bytes, tensors: Sequence[Tensor]) -> ModelShape:
    """The shape that config and tensors tell. Raises HeaderError."""
    config = _Config(config_json)
    count, hidden = config.needed("num_hidden_layers", "n_layer"), config.needed("hidden_size")
    if count > MOST_LAYERS:
        raise HeaderError(f"config.json has {count} layers; at most {MOST_LAYERS} can be")
    held = _grouped(tensors)
    return ModelShape(
        architecture=config.text("model_type") or "unknown",
        layers=tuple(_layer(config, held.pop(index, {}), index, hidden) for index in range(count)),
        hidden=hidden,
        vocabulary=config.needed("vocab_size"),
        context_tokens=config.number("max_position_embeddings", "n_positions"),
        embedding=_weights(held.pop("embedding", {}).values()),
        output=_weights(held.pop("output", {}).values()),
        other=_weights(tensor for group in held.values() for tensor in group.values()),
        parameters=_parameters(tensors, config),
        float_width=WIDTHS.get(config.text("dtype") or config.text("torch_dtype") or "", 2),
        unmodelled=_unmodelled(config),
    )


class _Config:
    """config.json, with the language model's own part of one for several modalities first."""

    def __init__(self, text: bytes) -> None:
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise HeaderError(f"config.json is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise HeaderError("config.json holds no object")
        inner = found.get("text_config")
        self._whole: Mapping[str, Any] = found
        self._all = {**found, **inner} if isinstance(inner, dict) else found

    def get(self, *names: str) -> Any:
        """The first of these keys that is there and not null."""
        return next((self._all[n] for n in names if self._all.get(n) is not None), None)

    def number(self, *names: str) -> int | None:
        """An integer of no negative value; None where absent."""
        found = self.get(*names)
        is_number = isinstance(found, int) and not isinstance(found, bool) and found >= 0
        return found if is_number else None

    def needed(self, *names: str) -> int:
        """An integer without which nothing can be said. Raises HeaderError."""
        found = self.number(*names)
        if found is None:
            raise HeaderError(f"config.json names no {names[0]}; is it a language model's?")
        return found

    def text(self, *names: str) -> str | None:
        """A string; None where absent."""
        found = self.get(*names)
        return found if isinstance(found, str) else None

    def window(self, index: int) -> int | None:
        """Tokens that a layer looks back, where it is not all of them."""
        window, kinds = self.number("sliding_window"), self.get("layer_types")
        if not window or self.get("use_sliding_window") is False:
            return None
        if isinstance(kinds, list):
            return window if index < len(kinds) and kinds[index] == "sliding_attention" else None
        period = self.number("sliding_window_pattern", "_sliding_window_pattern")
        return None if period and index % period == period - 1 else window

    @property
    def quantisation(self) -> Mapping[str, Any]:
        """Method, bits and group size; empty where weights are as they were trained."""
        found = self.get("quantization", "quantization_config")
        return found if isinstance(found, dict) else {}


def _grouped(tensors: Sequence[Tensor]) -> dict[int | str, dict[str, Tensor]]:
    """Layer number, "embedding", "output" or "other" -> tensors, by the rest of their names."""
    held: defaultdict[int | str, dict[str, Tensor]] = defaultdict(dict)
    for tensor in tensors:
        layer = LAYER.search(tensor.name)
        if OTHER_MODALITY.search(tensor.name):
            held["other"][tensor.name] = tensor
        elif layer:
            held[int(layer[1])][layer[2]] = tensor
        elif EMBEDDING.search(tensor.name):
            held["embedding"][tensor.name] = tensor
        elif OUTPUT.search(tensor.name):
            held["output"][tensor.name] = tensor
        else:
            held["other"][tensor.name] = tensor
    return dict(held)


def _layer(config: _Config, tensors: Mapping[str, Tensor], index: int, hidden: int) -> Layer:
    heads = config.needed("num_attention_heads", "n_head")
    width = config.number("head_dim") or (hidden // heads if heads else 0)
    kv_heads = config.number("num_key_value_heads", "n_head_kv")
    experts = config.number("num_local_experts", "num_experts", "n_routed_experts") or 0
    routed = any(".experts." in name or ".switch_mlp." in name for name in tensors)
    attends = any("attn" in name or "attention" in name for name in tensors)
    dense = config.number("intermediate_size", "n_inner") or 4 * hidden
    return Layer(
        weights=_weights(tensors.values()),
        largest_weight_bytes=max((tensor.bytes for tensor in tensors.values()), default=0),
        replicated_bytes=sum(tensor.bytes for tensor in tensors.values() if len(tensor.shape) == 1),
        heads=heads,
        kv_heads=(heads if kv_heads is None else kv_heads) if attends else 0,
        key_width=width,
        value_width=width,
        feed_forward=(config.number("moe_intermediate_size") or dense) if routed else dense,
        experts=experts if routed else 0,
        experts_used=(config.number("num_experts_per_tok") or 0) if routed else 0,
        window=config.window(index),
        head_norm=any(name.endswith("q_norm.weight") for name in tensors),
    )


def _weights(tensors: Any) -> Weights:
    found = list(tensors)
    floats = [tensor for tensor in found if tensor.type in FLOATS]
    return Weights(
        sum(tensor.bytes for tensor in found),
        sum(tensor.values for tensor in floats),
        sum(tensor.bytes for tensor in floats),
    )


def _parameters(tensors: Sequence[Tensor], config: _Config) -> int:
    """Numbers the model has, however many of them are packed into one word."""
    names = {tensor.name for tensor in tensors}
    default = config.quantisation.get("bits")
    bits = default if isinstance(default, int) and default > 0 else 4
    total = 0
    for tensor in tensors:
        stem, _, kind = tensor.name.rpartition(".")
        if kind in NO_PARAMETERS:
            continue
        packed = kind in PACKED or (tensor.type == "U32" and f"{stem}.scales" in names)
        width = bits
        own = config.quantisation.get(stem)
        if isinstance(own, dict) and isinstance(own.get("bits"), int) and own["bits"] > 0:
            width = own["bits"]
        total += tensor.values * WORD_BITS // width if packed else tensor.values
    return total


def _unmodelled(config: _Config) -> str | None:
    if config.number("kv_lora_rank"):
        return "latent attention"
    kinds = config.get("layer_types")
    if isinstance(kinds, list) and "linear_attention" in kinds:
        return "recurrent layers"
    if config.number("mamba_d_state", "ssm_state_size", "state_size"):
        return "recurrent layers"
    return None
