"""The shape of a model from its header, whatever files it lies in."""

from __future__ import annotations

from crossbench.fit import config_shape, gguf_shape
from crossbench.fit.shape import ModelShape
from crossbench.headers.files import Header
from crossbench.headers.gguf import Gguf


def shape_of(header: Header) -> ModelShape:
    """What of a model decides how much memory it takes. Raises HeaderError."""
    if isinstance(header, Gguf):
        return gguf_shape.shape(header)
    return config_shape.shape(header.config, header.tensors)
