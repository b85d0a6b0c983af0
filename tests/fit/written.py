"""GGUF and safetensors files that are all header: their data is a hole in the file.

Engines load them as models whose weights are zeros, and a header of a 70B model takes no space.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from crossbench.headers.ggml_types import TYPES, row_bytes

U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9
FORMATS = {U32: "<I", F32: "<f", BOOL: "<?"}
NUMBERS = {kind.name: number for number, kind in TYPES.items()}
PADDING = 32

Fields: TypeAlias = Mapping[str, tuple[int, Any]]
Tensors: TypeAlias = Mapping[str, tuple[str, tuple[int, ...]]]
"""Name -> type, and shape with the length of a row first."""


class Model(Struct, frozen=True, kw_only=True):
    """A decoder as its maker would describe it."""

    architecture: str = "llama"
    vocabulary: int = 4096
    hidden: int = 256
    layers: int = 4
    heads: int = 8
    kv_heads: int = 2
    head_dim: int | None = None
    feed_forward: int = 704
    experts: int = 0
    experts_used: int = 2
    tied: bool = False
    bias: bool = False
    window: int = 0
    type: str = "f16"

    @property
    def width(self) -> int:
        return self.head_dim or self.hidden // self.heads

    @property
    def head_norm(self) -> bool:
        return self.architecture.startswith(("qwen3", "gemma3"))


LLAMA_70B = Model(
    vocabulary=128256, hidden=8192, layers=80, heads=64, kv_heads=8, feed_forward=28672
)
"""Llama 3 70B, by its config.json."""


def value(kind: int, content: Any) -> bytes:
    """A value of GGUF's metadata."""
    if kind == STRING:
        data: bytes = content.encode()
        return struct.pack("<Q", len(data)) + data
    if kind == ARRAY:
        of, items = content
        return struct.pack("<IQ", of, len(items)) + b"".join(value(of, item) for item in items)
    return struct.pack(FORMATS[kind], content)


def gguf(path: Path, model: Model, kind: Callable[[str], str] | None = None) -> Path:
    """Write a model; `kind` gives the type of each matrix by its tensor's name."""
    write_gguf(path, gguf_fields(model), gguf_tensors(model, kind or (lambda _: model.type)))
    return path


def write_gguf(path: Path, fields: Fields, tensors: Tensors) -> None:
    """Write a header, and as much nothing as it speaks of."""
    infos, offset = b"", 0
    for name, (kind, shape) in tensors.items():
        infos += value(STRING, name) + struct.pack("<I", len(shape))
        infos += struct.pack(f"<{len(shape)}QIQ", *shape, NUMBERS[kind], offset)
        length = row_bytes(kind, shape[0])
        for dimension in shape[1:]:
            length *= dimension
        offset += -(-length // PADDING) * PADDING
    keys = b"".join(
        value(STRING, k) + struct.pack("<I", of) + value(of, v) for k, (of, v) in fields.items()
    )
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(fields)) + keys + infos
    with path.open("wb") as file:
        file.write(header)
        file.truncate(-(-len(header) // PADDING) * PADDING + offset)


def gguf_fields(model: Model) -> dict[str, tuple[int, Any]]:
    name = model.architecture
    fields: dict[str, tuple[int, Any]] = {
        "general.architecture": (STRING, name),
        f"{name}.block_count": (U32, model.layers),
        f"{name}.context_length": (U32, 131072),
        f"{name}.embedding_length": (U32, model.hidden),
        f"{name}.feed_forward_length": (U32, model.feed_forward),
        f"{name}.attention.head_count": (U32, model.heads),
        f"{name}.attention.head_count_kv": (U32, model.kv_heads),
        f"{name}.attention.key_length": (U32, model.width),
        f"{name}.attention.value_length": (U32, model.width),
        f"{name}.rope.dimension_count": (U32, model.width),
        f"{name}.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        f"{name}.vocab_size": (U32, model.vocabulary),
        "tokenizer.ggml.model": (STRING, "no_vocab"),
    }
    if model.experts:
        fields[f"{name}.expert_count"] = (U32, model.experts)
        fields[f"{name}.expert_used_count"] = (U32, model.experts_used)
        fields[f"{name}.expert_feed_forward_length"] = (U32, model.feed_forward)
    if model.window:
        fields[f"{name}.attention.sliding_window"] = (U32, model.window)
    return fields


def gguf_tensors(
    model: Model, kind: Callable[[str], str]
) -> dict[str, tuple[str, tuple[int, ...]]]:
    table = (model.hidden, model.vocabulary)
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    found["token_embd.weight"] = (kind("token_embd.weight"), table)
    for index in range(model.layers):
        for name, shape in _block(model).items():
            full = f"blk.{index}.{name}"
            plain = len(shape) == 1 or name == "ffn_gate_inp.weight"
            found[full] = ("f32" if plain else kind(full), shape)
    found["output_norm.weight"] = ("f32", (model.hidden,))
    if not model.tied:
        found["output.weight"] = (kind("output.weight"), table)
    return found


def _block(model: Model) -> dict[str, tuple[int, ...]]:
    hidden, inner = model.hidden, model.feed_forward
    queries, keys = model.heads * model.width, model.kv_heads * model.width
    block: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (hidden,),
        "attn_q.weight": (hidden, queries),
        "attn_k.weight": (hidden, keys),
        "attn_v.weight": (hidden, keys),
        "attn_output.weight": (queries, hidden),
        "ffn_norm.weight": (hidden,),
    }
    if model.bias:
        block |= {"attn_q.bias": (queries,), "attn_k.bias": (keys,), "attn_v.bias": (keys,)}
    if model.head_norm:
        block |= {"attn_q_norm.weight": (model.width,), "attn_k_norm.weight": (model.width,)}
    if model.architecture.startswith("gemma"):
        block |= {"post_attention_norm.weight": (hidden,), "post_ffw_norm.weight": (hidden,)}
    if model.experts:
        return block | {
            "ffn_gate_inp.weight": (hidden, model.experts),
            "ffn_gate_exps.weight": (hidden, inner, model.experts),
            "ffn_up_exps.weight": (hidden, inner, model.experts),
            "ffn_down_exps.weight": (inner, hidden, model.experts),
        }
    return block | {
        "ffn_gate.weight": (hidden, inner),
        "ffn_up.weight": (hidden, inner),
        "ffn_down.weight": (inner, hidden),
    }


CLASSES = {"mixtral": "MixtralForCausalLM"}
WORDS = {"I32": 4, "U32": 4, "F16": 2, "BF16": 2, "F32": 4}


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Write a header, and as much nothing as it speaks of."""
    entries, offset = {}, 0
    for name, (kind, shape) in tensors.items():
        length = WORDS[kind]
        for dimension in shape:
            length *= dimension
        entries[name] = {
            "dtype": kind,
            "shape": shape,
            "data_offsets": [offset, offset + length],
        }
        offset += length
    text = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def folder(path: Path, model: Model, quantisation: str | None = None) -> Path:
    """Write a folder as Hugging Face lays it out, of f16, "awq" or "mlx" with 4 bits each."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(_config(model, quantisation)))
    write_safetensors(path / "model.safetensors", _safetensors(model, quantisation))
    return path


def _config(model: Model, quantisation: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "model_type": model.architecture,
        "architectures": [CLASSES.get(model.architecture, "LlamaForCausalLM")],
        "hidden_act": "silu",
        "hidden_size": model.hidden,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.width,
        "intermediate_size": model.feed_forward,
        "vocab_size": model.vocabulary,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": model.tied,
        "torch_dtype": "float16",
    }
    if model.experts:
        config |= {
            "num_local_experts": model.experts,
            "num_experts_per_tok": model.experts_used,
        }
    if quantisation == "awq":
        config["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": 128}
    if quantisation == "mlx":
        config["quantization"] = {"bits": 4, "group_size": 64}
    return config


def _safetensors(model: Model, quantisation: str | None) -> dict[str, tuple[str, tuple[int, ...]]]:
    hidden = model.hidden
    queries, keys = model.heads * model.width, model.kv_heads * model.width
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    outside = {"model.embed_tokens": (model.vocabulary, hidden)}
    if not model.tied:
        outside["lm_head"] = (model.vocabulary, hidden)
    for name, shape in outside.items():
        found |= _matrix(name, shape, None if quantisation == "awq" else quantisation)
    for index in range(model.layers):
        stem = f"model.layers.{index}"
        for name, shape in {
            "self_attn.q_proj": (queries, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, queries),
            **_mlp(model),
        }.items():
            found |= _matrix(f"{stem}.{name}", shape, quantisation)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"{stem}.{norm}.weight"] = ("F16", (hidden,))
    return found | {"model.norm.weight": ("F16", (hidden,))}


def _mlp(model: Model) -> dict[str, tuple[int, int]]:
    """A dense model's as Llama names it, one with experts as Mixtral does."""
    up, down = (model.feed_forward, model.hidden), (model.hidden, model.feed_forward)
    if not model.experts:
        return {"mlp.gate_proj": up, "mlp.up_proj": up, "mlp.down_proj": down}
    found = {"block_sparse_moe.gate": (model.experts, model.hidden)}
    for expert in range(model.experts):
        stem = f"block_sparse_moe.experts.{expert}"
        found |= {f"{stem}.w1": up, f"{stem}.w2": down, f"{stem}.w3": up}
    return found


def _matrix(
    name: str, shape: tuple[int, int], quantisation: str | None
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """A matrix of (outputs, inputs); AWQ packs 8 outputs in a word, MLX 8 inputs."""
    rows, columns = shape
    if quantisation == "awq":
        return {
            f"{name}.qweight": ("I32", (columns, rows // 8)),
            f"{name}.qzeros": ("I32", (columns // 128, rows // 8)),
            f"{name}.scales": ("F16", (columns // 128, rows)),
        }
    if quantisation == "mlx":
        return {
            f"{name}.weight": ("U32", (rows, columns // 8)),
            f"{name}.scales": ("F16", (rows, columns // 64)),
            f"{name}.biases": ("F16", (rows, columns // 64)),
        }
    return {f"{name}.weight": ("F16", shape)}


def is_a_matrix_of_more_bits(name: str, layers: int) -> bool:
    """Whether llama.cpp's Q4_K_M gives this layer's value or downward matrix six bits."""
    index = int(name.split(".")[1])
    eighth = layers // 8
    return index < eighth or index >= 7 * layers // 8 or (index - eighth) % 3 == 2


def q4_k_m(name: str, model: Model = LLAMA_70B) -> str:
    """Types of Q4_K_M (`llama_tensor_get_type` of llama-quant.cpp); a 70B's values get more."""
    if name == "output.weight":
        return "q6_k"
    if name.endswith(("attn_v.weight", "ffn_down.weight")):
        if is_a_matrix_of_more_bits(name, model.layers):
            return "q6_k"
        wide = model.layers == LLAMA_70B.layers and name.endswith("attn_v.weight")
        return "q5_k" if wide else "q4_k"
    return "q4_k"
