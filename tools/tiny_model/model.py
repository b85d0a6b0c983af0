"""The model in plain PyTorch: a Llama as functions over a mapping of weights.

The names and layouts of the weights are those of Hugging Face's LlamaForCausalLM, so that the
mapping saved as it is loads wherever such a model loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Config:
    """The shape of the model."""

    vocab: int = 2048
    hidden: int = 256
    intermediate: int = 768
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    rope_theta: float = 10000.0
    eps: float = 1e-5
    context: int = 2048

    @property
    def head_dim(self) -> int:
        """The width of one attention head."""
        return self.hidden // self.heads

    def as_hf(self, bos: int, eos: int) -> dict[str, Any]:
        """The config.json of this model."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": bos,
            "eos_token_id": eos,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": self.context,
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "pretraining_tp": 1,
            "rms_norm_eps": self.eps,
            "rope_scaling": None,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": False,
            "torch_dtype": "float16",
            "use_cache": True,
            "vocab_size": self.vocab,
        }


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight."""
    h, m, kv = config.hidden, config.intermediate, config.kv_heads * config.head_dim
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.vocab, h)}
    for i in range(config.layers):
        block = {
            "input_layernorm": (h,),
            "self_attn.q_proj": (h, h),
            "self_attn.k_proj": (kv, h),
            "self_attn.v_proj": (kv, h),
            "self_attn.o_proj": (h, h),
            "post_attention_layernorm": (h,),
            "mlp.gate_proj": (m, h),
            "mlp.up_proj": (m, h),
            "mlp.down_proj": (h, m),
        }
        found |= {f"model.layers.{i}.{name}.weight": shape for name, shape in block.items()}
    return found | {"model.norm.weight": (h,), "lm_head.weight": (config.vocab, h)}


def initial_weights(config: Config, seed: int) -> dict[str, Tensor]:
    """Small random matrices, smaller still where they write to the residual; norms of one."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes(config).items():
        std = 0.02
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            std /= (2 * config.layers) ** 0.5
        drawn = torch.randn(shape, generator=generator) * std
        weights[name] = torch.ones(shape) if len(shape) == 1 else drawn
    return weights


def rotary(config: Config, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position, in the layout that pairs the two halves of a head."""
    steps = torch.arange(0, config.head_dim, 2) / config.head_dim
    angles = torch.outer(torch.arange(length).float(), config.rope_theta**-steps)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn queries or keys by the angle of their position."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def attention(weights: Weights, prefix: str, config: Config, x: Tensor, rope: Weights) -> Tensor:
    """Causal self-attention with grouped keys and values."""
    batch, length, _ = x.shape

    def project(name: str, heads: int) -> Tensor:
        y = functional.linear(x, weights[f"{prefix}.{name}_proj.weight"])
        return y.view(batch, length, heads, config.head_dim).transpose(1, 2)

    groups = config.heads // config.kv_heads
    q = rotate(project("q", config.heads), rope["cos"], rope["sin"])
    k = rotate(project("k", config.kv_heads), rope["cos"], rope["sin"])
    v = project("v", config.kv_heads)
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    joined = mixed.transpose(1, 2).reshape(batch, length, config.hidden)
    return functional.linear(joined, weights[f"{prefix}.o_proj.weight"])


def feed_forward(weights: Weights, prefix: str, x: Tensor) -> Tensor:
    """The gated feed-forward layer (SwiGLU)."""
    gate = functional.silu(functional.linear(x, weights[f"{prefix}.gate_proj.weight"]))
    up = functional.linear(x, weights[f"{prefix}.up_proj.weight"])
    return functional.linear(gate * up, weights[f"{prefix}.down_proj.weight"])


def forward(weights: Weights, config: Config, tokens: Tensor) -> Tensor:
    """Logits of the next token at every position of a (batch, length) tensor of ids."""
    cos, sin = rotary(config, tokens.shape[1])
    rope = {"cos": cos, "sin": sin}

    def norm(y: Tensor, name: str) -> Tensor:
        return functional.rms_norm(y, (config.hidden,), weights[f"{name}.weight"], config.eps)

    x = functional.embedding(tokens, weights["model.embed_tokens.weight"])
    for i in range(config.layers):
        block = f"model.layers.{i}"
        y = norm(x, f"{block}.input_layernorm")
        x = x + attention(weights, f"{block}.self_attn", config, y, rope)
        y = norm(x, f"{block}.post_attention_layernorm")
        x = x + feed_forward(weights, f"{block}.mlp", y)
    return functional.linear(norm(x, "model.norm"), weights["lm_head.weight"])
