"""Models of several shapes with the options to load them with, small enough for any machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tests.fit.written import Model


class Case(Struct, frozen=True, kw_only=True):
    """One model, and how it is loaded."""

    model: Model
    options: Mapping[str, Any] = {}
    context_tokens: int = 2000
    devices: int = 0
    """RPC servers that share it."""
    streams: int = 1
    """Requests at once."""


GQA = Model(vocabulary=8192, hidden=512, heads=8, kv_heads=2, feed_forward=1408)
MHA = Model(vocabulary=2048, hidden=512, heads=8, kv_heads=8, feed_forward=1408)
TIED = Model(architecture="qwen2", vocabulary=32000, tied=True, bias=True)
WIDE_HEADS = Model(architecture="qwen3", hidden=512, kv_heads=4, head_dim=128, tied=True)
LARGE_VOCABULARY = Model(vocabulary=151936, hidden=256, layers=2)
MIXTRAL = Model(vocabulary=2048, hidden=512, experts=8, feed_forward=768)
QWEN_MOE = Model(
    architecture="qwen3moe",
    vocabulary=2048,
    hidden=512,
    kv_heads=4,
    head_dim=128,
    experts=32,
    experts_used=8,
    feed_forward=256,
)
WINDOWED = Model(
    architecture="gemma3", vocabulary=8192, layers=6, head_dim=64, window=512, tied=True
)
QUANTISED = Model(vocabulary=8192, hidden=512, feed_forward=1536, type="q8_0")

ONE_DEVICE = {
    "gqa": Case(model=GQA),
    "gqa without flash attention": Case(model=GQA, options={"flash_attn": "off"}),
    "gqa with a q8_0 cache": Case(model=GQA, options={"type_k": "q8_0", "type_v": "q8_0"}),
    "gqa in small micro-batches": Case(model=GQA, options={"n_ubatch": 128}),
    "gqa of a long context": Case(model=GQA, context_tokens=16000),
    "mha": Case(model=MHA, options={"flash_attn": "off"}),
    "tied embeddings": Case(model=TIED),
    "wide heads": Case(model=WIDE_HEADS),
    "wide heads without flash attention": Case(model=WIDE_HEADS, options={"flash_attn": "off"}),
    "large vocabulary": Case(model=LARGE_VOCABULARY),
    "mixtral": Case(model=MIXTRAL),
    "many small experts": Case(model=QWEN_MOE),
    "sliding window": Case(model=WINDOWED, context_tokens=4096),
    "quantised": Case(model=QUANTISED),
    "eight requests at once": Case(model=LARGE_VOCABULARY, context_tokens=300, streams=8),
    "three requests at once in one cache": Case(
        model=GQA, options={"kv_unified": True}, context_tokens=300, streams=3
    ),
    "three requests at once in windows": Case(model=WINDOWED, context_tokens=2048, streams=3),
}
TWO_DEVICES = {
    "by layer": Case(model=GQA, devices=2),
    "by layer, unevenly": Case(model=GQA, options={"tensor_split": [3, 1]}, devices=2),
    "by layer, tied": Case(model=WIDE_HEADS, options={"flash_attn": "off"}, devices=2),
    "by layer, with experts": Case(model=MIXTRAL, devices=2),
    "in part": Case(model=GQA, options={"n_gpu_layers": 3}, devices=2),
    "by tensor": Case(model=GQA, options={"split_mode": "tensor"}, devices=2),
    "by tensor, tied": Case(model=WIDE_HEADS, options={"split_mode": "tensor"}, devices=2),
    "on one of two": Case(model=GQA, options={"split_mode": "none"}, devices=2),
    "by layer, four requests at once": Case(model=GQA, context_tokens=500, devices=2, streams=4),
}
FOLDERS = {
    "gqa": Case(model=GQA, context_tokens=300),
    "tied embeddings": Case(model=Model(tied=True, vocabulary=8192), context_tokens=300),
    "wide heads": Case(model=Model(hidden=256, kv_heads=4, head_dim=64), context_tokens=300),
    "mixtral": Case(  # MLX gathers experts on the CPU in f32 alone
        model=replace(MIXTRAL, architecture="mixtral"),
        options={"dtype": "float32"},
        context_tokens=300,
    ),
    "a cache of 8 bits": Case(model=Model(head_dim=64), options={"kv_bits": 8}, context_tokens=300),
}
