"""All that is used of mlx-lm, kept from the network: no path is ever looked up on a hub.

The variable is read once, when huggingface_hub is imported, so it must be set before mlx-lm is.
"""

from __future__ import annotations

import os
from importlib.metadata import version

os.environ["HF_HUB_OFFLINE"] = "1"

from mlx_lm.generate import (
    BatchGenerator,
    StopSequences,
    generation_stream,
    maybe_quantize_kv_cache,
)
from mlx_lm.models import base
from mlx_lm.models.cache import CacheList, make_prompt_cache
from mlx_lm.sample_utils import apply_top_k, apply_top_p
from mlx_lm.utils import load_model

__all__ = [
    "BatchGenerator",
    "CacheList",
    "StopSequences",
    "apply_top_k",
    "apply_top_p",
    "base",
    "build",
    "generation_stream",
    "load_model",
    "make_prompt_cache",
    "maybe_quantize_kv_cache",
]


def build() -> str:
    """The versions of MLX and of mlx-lm."""
    return f"MLX {version('mlx')}, mlx-lm {version('mlx-lm')}"
