"""Compute buffers of models too large for this machine, as llama.cpp itself would reserve them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from crossbench.api import Needs
from crossbench.envs.environment import Environment
from crossbench.fit import llamacpp as fit
from crossbench.fit.artifact import shape_of
from crossbench.headers.files import read_local
from tests.fit.written import LLAMA_70B, Model, gguf, q4_k_m

pytestmark = pytest.mark.engine("llamacpp")

MIB = 2**20
RESERVED = Path(__file__).parent / "reserved.py"
SETTINGS = [(512, 512, 1), (8192, 512, 1), (131072, 512, 1), (8192, 2048, 1), (8192, 512, 0)]
"""Context, micro-batch and flash attention."""
MIXTRAL_8X7B = Model(
    vocabulary=32000,
    hidden=4096,
    layers=32,
    heads=32,
    kv_heads=8,
    feed_forward=14336,
    experts=8,
    type="q4_k",
)
QWEN3_30B = Model(
    architecture="qwen3moe",
    vocabulary=151936,
    hidden=2048,
    layers=48,
    heads=32,
    kv_heads=4,
    head_dim=128,
    feed_forward=768,
    experts=128,
    experts_used=8,
    type="q4_k",
)
QWEN2_0_5B = Model(
    architecture="qwen2",
    vocabulary=151936,
    hidden=896,
    layers=24,
    heads=14,
    feed_forward=4864,
    tied=True,
    bias=True,
)
GEMMA3_12B = Model(
    architecture="gemma3",
    vocabulary=262144,
    hidden=3840,
    layers=48,
    heads=16,
    kv_heads=8,
    head_dim=256,
    feed_forward=15360,
    window=1024,
    tied=True,
)
MODELS = {
    "Llama 70B": LLAMA_70B,
    "Mixtral 8x7B": MIXTRAL_8X7B,
    "Qwen3 30B A3B": QWEN3_30B,
    "Qwen2 0.5B": QWEN2_0_5B,
    "Gemma 3 12B": GEMMA3_12B,
}


@pytest.mark.parametrize("name", MODELS)
def test_compute_buffers_are_as_reserved(name: str, llamacpp: Environment, tmp_path: Path) -> None:
    model = MODELS[name]
    path = gguf(tmp_path / "m.gguf", model, q4_k_m if model is LLAMA_70B else None)
    numbers = [str(number) for setting in SETTINGS for number in setting]
    answer = subprocess.run(
        [llamacpp.python, RESERVED, path, *numbers],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    shape = shape_of(read_local(path))
    for (context, micro_batch, flash), mib in zip(SETTINGS, json.loads(answer.stdout), strict=True):
        options = {"n_ubatch": micro_batch, "flash_attn": "on" if flash else "off"}
        found = fit.estimate(options, shape, Needs(context_tokens=context), [])
        outputs = 4 * model.vocabulary
        compute = found.footprints[-1].compute.bytes - outputs
        assert compute / MIB == pytest.approx(mib, rel=0.02), (context, micro_batch, flash)
