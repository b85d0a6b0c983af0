"""An independent Llama in float64, by numpy alone, that every engine is held against.

It takes a folder with config.json and model.safetensors, in the names and layouts of Hugging Face's
LlamaForCausalLM, and is as plain as it can be: no cache, no batch, one forward pass over all ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
STORED = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}
"""Data types of the safetensors format that are read here, as numpy reads their bytes."""


class Step(NamedTuple):
    """One place of an output: the id that stands there, the likeliest one, and by how much."""

    given: int
    likeliest: int
    margin: float
    """Log-probability of the likeliest id less that of the second: how surely it is likeliest."""


class Reference:
    """One model's weights, and what follows from them."""

    def __init__(self, folder: Path) -> None:
        self._config: Mapping[str, Any] = json.loads((folder / "config.json").read_text())
        if self._config["model_type"] != "llama" or self._config.get("rope_scaling"):
            raise ValueError(f"{folder} is no Llama with plain rotary embeddings")
        self._weights = safetensors(folder / "model.safetensors")

    def log_probabilities(self, ids: Sequence[int]) -> Floats:
        """(len(ids), vocabulary): row i is of the id that follows ids[: i + 1]."""
        logits = self._logits(ids)
        logits -= logits.max(axis=1, keepdims=True)
        shifted: Floats = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return shifted

    def given(self, ids: Sequence[int], first: int) -> list[float]:
        """Log-probability of each of ids[first:], given all ids before it."""
        rows = self.log_probabilities(ids[:-1])
        return [float(rows[place - 1, ids[place]]) for place in range(first, len(ids))]

    def steps(self, prompt: Sequence[int], output: Sequence[int]) -> list[Step]:
        """Each place of an output, given the prompt and the output so far."""
        rows = self.log_probabilities([*prompt, *output[:-1]])[len(prompt) - 1 :]
        found = []
        for given, row in zip(output, rows, strict=True):
            second, best = np.partition(row, -2)[-2:]
            found.append(Step(given, int(row.argmax()), float(best - second)))
        return found

    def astray(self, prompt: Sequence[int], output: Sequence[int], tolerance: float) -> list[Step]:
        """Places of a greedy output where the likeliest id was not taken though it was sure.

        Sure is what no error of `tolerance` in the log-probabilities could have turned round.
        """
        steps = self.steps(prompt, output)
        return [
            step for step in steps if step.given != step.likeliest and step.margin > 2 * tolerance
        ]

    def greedy(self, prompt: Sequence[int], tokens: int) -> list[int]:
        """The likeliest continuation, id by id."""
        output: list[int] = []
        for _ in range(tokens):
            output.append(int(self._logits([*prompt, *output])[-1].argmax()))
        return output

    def _logits(self, ids: Sequence[int]) -> Floats:
        x = self._weights["model.embed_tokens.weight"][np.asarray(ids)]
        for layer in range(self._config["num_hidden_layers"]):
            block = f"model.layers.{layer}"
            x = x + self._attention(f"{block}.self_attn", self._norm(f"{block}.input_layernorm", x))
            y = self._norm(f"{block}.post_attention_layernorm", x)
            gate = self._linear(f"{block}.mlp.gate_proj", y)
            up = self._linear(f"{block}.mlp.up_proj", y)
            x = x + self._linear(f"{block}.mlp.down_proj", gate / (1 + np.exp(-gate)) * up)
        tied = self._config.get("tie_word_embeddings", False)
        head = "model.embed_tokens" if tied else "lm_head"
        return self._linear(head, self._norm("model.norm", x))

    def _attention(self, prefix: str, x: Floats) -> Floats:
        """Causal self-attention, each key and value head serving a group of query heads."""
        length, heads = len(x), self._config["num_attention_heads"]
        q = _rotate(self._heads(f"{prefix}.q_proj", x), self._config["rope_theta"])
        k = _rotate(self._heads(f"{prefix}.k_proj", x), self._config["rope_theta"])
        v = self._heads(f"{prefix}.v_proj", x)
        k, v = (np.repeat(each, heads // len(each), axis=0) for each in (k, v))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores[:, np.triu(np.ones((length, length), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = weights / weights.sum(axis=-1, keepdims=True) @ v
        return self._linear(f"{prefix}.o_proj", mixed.transpose(1, 0, 2).reshape(length, -1))

    def _heads(self, name: str, x: Floats) -> Floats:
        """(heads, length, width of a head)."""
        width = self._config.get("head_dim") or (
            self._config["hidden_size"] // self._config["num_attention_heads"]
        )
        return self._linear(name, x).reshape(len(x), -1, width).transpose(1, 0, 2)

    def _linear(self, name: str, x: Floats) -> Floats:
        product: Floats = x @ self._weights[f"{name}.weight"].T
        return product

    def _norm(self, name: str, x: Floats) -> Floats:
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self._config["rms_norm_eps"])
        normed: Floats = x / scale * self._weights[f"{name}.weight"]
        return normed


def _rotate(x: Floats, theta: float) -> Floats:
    """Turn each pair (i, i + half) of a head's width by the angle of its position."""
    half = x.shape[-1] // 2
    angles = np.outer(np.arange(x.shape[1]), theta ** (-np.arange(half) / half))
    cos, sin = np.cos(angles), np.sin(angles)
    first, second = x[..., :half], x[..., half:]
    return np.concatenate((first * cos - second * sin, second * cos + first * sin), axis=-1)


def safetensors(path: Path) -> dict[str, Floats]:
    """Every tensor of a file of the safetensors format, in float64."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: _tensor(data[start:], entry) for name, entry in header.items()}


def _tensor(data: bytes, entry: Mapping[str, Any]) -> Floats:
    begin, end = entry["data_offsets"]
    stored = np.frombuffer(data[begin:end], STORED[entry["dtype"]])
    if entry["dtype"] == "BF16":
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float64).reshape(entry["shape"])
