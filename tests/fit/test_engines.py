"""The rules of vLLM and MLX, without either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossbench.api import Needs
from crossbench.fit import mlx, vllm
from crossbench.fit.artifact import shape_of
from crossbench.fit.estimate import estimate
from crossbench.fit.footprint import DeviceRoom, Estimate
from crossbench.fit.shape import ModelShape
from crossbench.headers.files import read_local
from crossbench_mlx.options import MlxOptions
from crossbench_vllm.options import VllmOptions
from tests.conftest import TINY
from tests.fit.written import LLAMA_70B, Model, folder

GIB = 2**30


def shape(path: Path, model: Model, quantisation: str | None = None) -> ModelShape:
    return shape_of(read_local(folder(path, model, quantisation)))


def cards(count: int) -> list[DeviceRoom]:
    return [
        DeviceRoom(name=f"GPU {n}", kind="cuda", total_bytes=24 * GIB, free_bytes=24 * GIB)
        for n in range(count)
    ]


def of_vllm(
    model: ModelShape, devices: Sequence[DeviceRoom] = (), context: int = 512, **options: Any
) -> Estimate:
    return vllm.estimate(options, model, Needs(context_tokens=context), devices)


def of_mlx(model: ModelShape, context: int = 512, **options: Any) -> Estimate:
    memory = [DeviceRoom(name="GPU", kind="metal")]
    return mlx.estimate(options, model, Needs(context_tokens=context), memory)


@pytest.mark.parametrize(
    ("ours", "backend"),
    [(vllm.Options(), VllmOptions()), (mlx.Options(), MlxOptions())],
    ids=["vllm", "mlx"],
)
def test_defaults_are_the_backend_s(ours: msgspec.Struct, backend: msgspec.Struct) -> None:
    for field in msgspec.structs.fields(ours):
        assert getattr(ours, field.name) == getattr(backend, field.name), field.name


def test_an_unknown_backend_is_left_open() -> None:
    tiny = shape_of(read_local(TINY))
    assert estimate("other", {}, tiny, Needs(context_tokens=1), []) is None
    for backend in ("llamacpp", "vllm", "mlx"):
        assert estimate(backend, {}, tiny, Needs(context_tokens=1), []) is not None


def test_vllm_splits_matrices_and_copies_norms(tmp_path: Path) -> None:
    model = shape(tmp_path, Model())
    (alone,) = of_vllm(model, cards(1)).footprints
    first, second = of_vllm(model, cards(2), tensor_parallel_size=2).footprints
    norms = 2 * 256 * (2 * 4 + 1)
    assert first.weights.bytes == second.weights.bytes
    assert 2 * first.weights.bytes == alone.weights.bytes + norms


def test_vllm_gives_a_pipeline_s_ends_what_they_need(tmp_path: Path) -> None:
    model = shape(tmp_path, Model(layers=5, vocabulary=4096))
    first, second = of_vllm(model, cards(2), pipeline_parallel_size=2).footprints
    table, layer = 2 * 256 * 4096, model.layers[0].weights.bytes
    assert first.weights.bytes == table + 3 * layer
    assert second.weights.bytes == table + 2 * layer + 2 * 256


def test_vllm_gives_layers_left_over_to_the_last_stage_but_one(tmp_path: Path) -> None:
    model = shape(tmp_path, Model(layers=7, vocabulary=64))
    found = of_vllm(model, cards(3), pipeline_parallel_size=3, kv_cache_gib=1.0)
    layer = model.layers[0].weights.bytes
    assert [each.weights.bytes // layer for each in found.footprints] == [2, 3, 2]


def test_vllm_pads_the_vocabulary(tmp_path: Path) -> None:
    padded = of_vllm(shape(tmp_path / "a", Model(vocabulary=4033)), cards(1)).footprints[0]
    whole = of_vllm(shape(tmp_path / "b", Model(vocabulary=4096)), cards(1)).footprints[0]
    assert padded.weights.bytes == whole.weights.bytes


def test_vllm_fills_what_it_may_with_the_cache(tmp_path: Path) -> None:
    (card,) = of_vllm(shape(tmp_path, Model()), cards(1)).footprints
    assert card.bytes == round(0.92 * 24 * GIB)
    (set_,) = of_vllm(shape(tmp_path, Model()), cards(1), kv_cache_gib=2.0).footprints
    assert set_.kv.bytes == 2 * GIB


@pytest.mark.parametrize(
    ("kind", "per_token"), [("auto", 1024), ("fp8", 512), ("nvfp4", 288), ("bfloat16", 1024)]
)
def test_vllm_s_cache_follows_its_type(kind: str, per_token: int, tmp_path: Path) -> None:
    found = of_vllm(shape(tmp_path, Model()), cards(1), kv_cache_dtype=kind)
    assert found.kv_bytes_per_token == per_token
    (card,) = found.footprints
    assert found.kv_capacity_tokens == card.kv.bytes // per_token // 16 * 16


def test_vllm_copies_heads_that_are_fewer_than_ranks(tmp_path: Path) -> None:
    found = of_vllm(shape(tmp_path, Model(kv_heads=2)), cards(4), tensor_parallel_size=4)
    assert found.kv_bytes_per_token == 2 * 1024


def test_vllm_on_the_host_takes_a_gibibyte_of_cache(tmp_path: Path) -> None:
    (host,) = of_vllm(shape(tmp_path, Model())).footprints
    assert (host.device, host.kv.bytes) == ("host", GIB)


def test_vllm_casts_what_is_not_quantised(tmp_path: Path) -> None:
    half = of_vllm(shape(tmp_path, Model())).footprints[0].weights.bytes
    assert of_vllm(shape(tmp_path, Model()), dtype="float32").footprints[0].weights.bytes == (
        2 * half
    )


def test_llama_70b_in_awq_on_two_cards(tmp_path: Path) -> None:
    found = of_vllm(
        shape(tmp_path, LLAMA_70B, "awq"), cards(2), context=8192, tensor_parallel_size=2
    )
    assert found.footprints[0].weights.bytes / GIB == pytest.approx(37.0 / 2, rel=0.02)
    assert found.kv_bytes_per_token == 2 * 80 * 8 * 128 * 2
    assert 8192 < found.kv_capacity_tokens < 20000


@pytest.mark.parametrize(("context", "room"), [(1, 256), (256, 256), (257, 512)])
def test_mlx_s_cache_grows_in_steps(context: int, room: int, tmp_path: Path) -> None:
    found = of_mlx(shape(tmp_path, Model()), context)
    assert found.footprints[0].kv.bytes == 1024 * room


@pytest.mark.parametrize(("bits", "per_token"), [(8, 512 + 32), (4, 256 + 32)])
def test_mlx_s_cache_quantised_has_scales_and_biases(
    bits: int, per_token: int, tmp_path: Path
) -> None:
    assert of_mlx(shape(tmp_path, Model()), kv_bits=bits).kv_bytes_per_token == per_token


def test_mlx_holds_a_window_and_one_prefill_step(tmp_path: Path) -> None:
    plain = folder(tmp_path, Model())
    config = plain / "config.json"
    old = msgspec.json.decode(config.read_bytes())
    kinds = ["sliding_attention"] * 3 + ["full_attention"]
    config.write_bytes(msgspec.json.encode({**old, "sliding_window": 128, "layer_types": kinds}))
    found = of_mlx(shape_of(read_local(plain)), 4096, prefill_step_size=512)
    assert found.footprints[0].kv.bytes == 256 * (3 * (128 + 511) + 4096)


def test_llama_70b_in_4_bits_on_a_mac(tmp_path: Path) -> None:
    (memory,) = of_mlx(shape(tmp_path, LLAMA_70B, "mlx"), 8192).footprints
    assert memory.weights.bytes / 1e9 == pytest.approx(39.7, abs=0.1)
    assert memory.kv.bytes == 2.5 * GIB
    assert 0.2 * GIB < memory.compute.bytes < 1.5 * GIB
    assert memory.compute.whence == "assumed"
