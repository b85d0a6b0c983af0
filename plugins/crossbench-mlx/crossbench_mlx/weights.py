"""A model's parameters: loaded, cast, and counted in bytes and in numbers."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map_with_path

from crossbench_mlx.artifact import Artifact
from crossbench_mlx.failures import typed
from crossbench_mlx.library import load_model
from crossbench_mlx.options import Dtype

WORD_BITS = 32
"""Quantised weights are packed into words of this size."""


def load(artifact: Artifact, dtype: Dtype | None) -> Any:
    """The model with all weights in memory. Raises OutOfMemory, Unsupported or EngineError."""
    what = f"mlx-lm could not load {artifact.folder}"
    if quantisation := artifact.quantisation:
        what += f", whose config says quantization {quantisation}"
    with typed(what):
        model, _ = load_model(artifact.folder, lazy=True)
        if dtype is not None:
            _cast(model, getattr(mx, dtype))
        mx.eval(model.parameters())
    mx.clear_cache()  # what was cast is held twice until here
    return model


def _cast(model: Any, dtype: mx.Dtype) -> None:
    """Cast what mlx-lm's own conversion would cast."""
    may = getattr(model, "cast_predicate", lambda _: True)

    def cast(path: str, value: mx.array) -> mx.array:
        if may(path) and mx.issubdtype(value.dtype, mx.floating):
            return value.astype(dtype)
        return value

    model.update(tree_map_with_path(cast, model.parameters()))


def values(model: Any) -> list[mx.array]:
    """All parameters, the scales and biases of quantised ones included."""
    return [value for _, value in tree_flatten(model.parameters())]


def nbytes(model: Any) -> int:
    """Bytes of all parameters."""
    return sum(value.nbytes for value in values(model))


def count(model: Any) -> int:
    """Parameters of the model as it was before quantisation."""
    total = sum(value.size for value in values(model))
    for _, module in model.named_modules():
        if hasattr(module, "bits"):
            packing = sum(module[key].size for key in ("scales", "biases") if key in module)
            total += module.weight.size * WORD_BITS // module.bits - module.weight.size - packing
    return int(total)
