"""Sizes computed from shapes and types alone, against sizes that others published."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from crossbench.api import Needs
from crossbench.fit import llamacpp
from crossbench.fit.artifact import shape_of
from crossbench.fit.footprint import DeviceRoom
from crossbench.headers.files import read_local
from tests.fit.written import LLAMA_70B, Model, folder, gguf, q4_k_m

GB, GIB, MIB = 1e9, 2**30, 2**20
PARAMETERS = 70_553_706_496
"""Of Llama 3.3 70B, by the index of its safetensors."""
LLAMA_8B = Model(
    vocabulary=128256, hidden=4096, layers=32, heads=32, kv_heads=8, feed_forward=14336
)

# The first three: huggingface.co/bartowski/Llama-3.3-70B-Instruct-GGUF/tree/main and, for Q8_0 (in
# two parts, 39.8 and 35.2 GB), bartowski/Meta-Llama-3-70B-Instruct-GGUF, a model of equal shape.
GGUFS = [("q4_k_m", 42.5 * GB), ("q4_0", 40.0 * GB), ("q8_0", 75.0 * GB)]


@pytest.mark.parametrize(("kind", "published"), GGUFS)
def test_a_70b_gguf_is_as_large_as_published(kind: str, published: float, tmp_path: Path) -> None:
    types = q4_k_m if kind == "q4_k_m" else lambda name: kind
    path = gguf(tmp_path / "m.gguf", LLAMA_70B, types)
    shape = shape_of(read_local(path))
    assert shape.weight_bytes == pytest.approx(published, rel=0.01)
    assert shape.parameters == PARAMETERS


WHOLE_FILES = [(LLAMA_70B, 42_520_398_816), (LLAMA_8B, 4_920_739_232)]
"""Llama 3.3 70B and 3.1 8B in Q4_K_M: bartowski's files at the commits that our suites pin, as
public projects record the hub's listing of them."""


@pytest.mark.parametrize(("model", "published"), WHOLE_FILES, ids=["70b", "8b"])
def test_a_q4_k_m_file_is_its_weights_and_a_header(
    model: Model, published: int, tmp_path: Path
) -> None:
    """Which is a vocabulary of 128,256 and its merges: some 8 MB."""
    path = gguf(tmp_path / "m.gguf", model, partial(q4_k_m, model=model))
    header = published - shape_of(read_local(path)).weight_bytes
    assert 6e6 < header < 9e6


def test_a_70b_f16_has_llama_bench_s_size(tmp_path: Path) -> None:
    """131.42 GiB: the table named below."""
    path = gguf(tmp_path / "m.gguf", LLAMA_70B)
    assert shape_of(read_local(path)).weight_bytes / GIB == pytest.approx(131.42, abs=0.005)


def test_a_70b_of_mlx_is_as_large_as_published(tmp_path: Path) -> None:
    """mlx-community/Llama-3.3-70B-Instruct-4bit at the commit that we pin, by others' record."""
    shape = shape_of(read_local(folder(tmp_path, LLAMA_70B, "mlx")))
    assert shape.weight_bytes == 39_688_355_840


def test_a_70b_q4_k_m_has_llama_bench_s_size(tmp_path: Path) -> None:
    """39.59 GiB, by github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference."""
    path = gguf(tmp_path / "m.gguf", LLAMA_70B, q4_k_m)
    assert shape_of(read_local(path)).weight_bytes / GIB == pytest.approx(39.59, abs=0.005)


def test_an_8b_f16_has_llama_bench_s_size(tmp_path: Path) -> None:
    """14.96 GiB: the same table."""
    path = gguf(tmp_path / "m.gguf", LLAMA_8B)
    assert shape_of(read_local(path)).weight_bytes / GIB == pytest.approx(14.96, abs=0.005)


def test_a_70b_of_awq_is_as_large_as_published(tmp_path: Path) -> None:
    """37.0 GiB in INT4 with groups of 128: github.com/cloudrift-ai/server-benchmark."""
    shape = shape_of(read_local(folder(tmp_path, LLAMA_70B, "awq")))
    assert shape.weight_bytes == pytest.approx(37.0 * GIB, rel=0.02)
    assert shape.parameters == PARAMETERS


def test_a_cuda_card_allocates_as_its_log_was_published(tmp_path: Path) -> None:
    """Llama 3 8B on one CUDA card, 512 tokens, no flash attention: KV 64.00 MiB, compute 258.50.

    As many logs of llama.cpp have it; the embedding left on the host takes 281.81 MiB as q4_k.
    """
    path = gguf(tmp_path / "m.gguf", LLAMA_8B, lambda _: "q4_k")
    card = DeviceRoom(name="CUDA0", kind="cuda")
    needs = Needs(context_tokens=512)
    found = llamacpp.estimate({"flash_attn": "off"}, shape_of(read_local(path)), needs, [card])
    gpu, host = found.footprints
    assert gpu.kv.bytes / MIB == 64
    assert gpu.compute.bytes / MIB == pytest.approx(258.5, abs=0.01)
    assert host.weights.bytes / MIB == pytest.approx(281.81, abs=0.01)
