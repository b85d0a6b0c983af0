"""What an artifact's header tells that rules of a plan ask about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from crossbench.fit.shape import ModelShape
from crossbench.headers.files import Header
from crossbench.headers.gguf import Gguf

Format: TypeAlias = Literal["gguf", "safetensors"]


class Traits(Struct, frozen=True, kw_only=True):
    """An artifact in few words."""

    format: Format
    architecture: str
    """A GGUF's general.architecture, or the outermost model_type of a config.json."""
    classes: tuple[str, ...] = ()
    """The `architectures` of a config.json."""
    parameters: int
    weight_bytes: int
    layers: int
    heads: int
    """Of the first layer, as all that follow."""
    kv_heads: int
    key_width: int
    value_width: int
    experts: int | None = None
    """Of the layer that has most, 0 without any; None in runs made before that was recorded."""

    @property
    def bits_per_weight(self) -> float | None:
        """Bits in the artifact for each number of the model, scales and the like included."""
        return 8 * self.weight_bytes / self.parameters if self.parameters else None


def traits(header: Header, shape: ModelShape) -> Traits | None:
    """Of an artifact whose shape is read; None of a model without layers."""
    if not shape.layers:
        return None
    first = shape.layers[0]
    config = {} if isinstance(header, Gguf) else _object(header.config)
    kind, classes = config.get("model_type"), config.get("architectures")
    return Traits(
        format="gguf" if isinstance(header, Gguf) else "safetensors",
        architecture=kind if isinstance(kind, str) else shape.architecture,
        classes=tuple(map(str, classes)) if isinstance(classes, list) else (),
        parameters=shape.parameters,
        weight_bytes=shape.weight_bytes,
        layers=len(shape.layers),
        heads=first.heads,
        kv_heads=first.kv_heads,
        key_width=first.key_width,
        value_width=first.value_width,
        experts=max(layer.experts for layer in shape.layers),
    )


def _object(config: bytes) -> Mapping[str, Any]:
    """Nothing where it is no JSON object, of which whoever read the shape has told already."""
    try:
        found = msgspec.json.decode(config)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
