"""A Llama with random weights as Hugging Face lays one out, large enough that a token takes long.

It has the tiny model's tokenizer, so that every id has a text: `mlx_lm.benchmark` writes it out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

TINY = Path(__file__).parents[2] / "suites/models/tiny"
HIDDEN = 768
INTERMEDIATE = 2048
HEADS = 12
KV_HEADS = 4
HEAD_DIM = HIDDEN // HEADS
SEED = 1
SPREAD = 0.02
"""Standard deviation of the weights, as models are commonly initialised."""


def write(folder: Path, layers: int) -> Path:
    """Write config, tokenizer and f16 weights: 12.6 MB a layer. Returns the folder."""
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(TINY / name, folder)
    config = json.loads((TINY / "config.json").read_text()) | {
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    _write_weights(folder / "model.safetensors", shapes(config))
    return folder


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every weight, as (outputs, inputs)."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    query = config["num_attention_heads"] * config["head_dim"]
    kv = config["num_key_value_heads"] * config["head_dim"]
    block = {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (query, hidden),
        "self_attn.k_proj": (kv, hidden),
        "self_attn.v_proj": (kv, hidden),
        "self_attn.o_proj": (hidden, query),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    vocabulary = (config["vocab_size"], hidden)
    return {
        "model.embed_tokens.weight": vocabulary,
        **{
            f"model.layers.{layer}.{name}.weight": shape
            for layer in range(config["num_hidden_layers"])
            for name, shape in block.items()
        },
        "model.norm.weight": (hidden,),
        "lm_head.weight": vocabulary,
    }


def _write_weights(path: Path, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """One safetensors file: the header's length, the header, the tensors one after the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in wanted.items():
        begin, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(SEED)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for shape in wanted.values():
            drawn = random.standard_normal(shape, np.float32) * np.float32(SPREAD)
            file.write((np.ones(shape) if len(shape) == 1 else drawn).astype("<f2").tobytes())
