"""llama.cpp's rules, without llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossbench.api import Needs
from crossbench.fit import llamacpp
from crossbench.fit.artifact import shape_of
from crossbench.fit.footprint import DeviceRoom, Estimate, Kind
from crossbench.headers.files import read_local
from crossbench_llamacpp.options import LlamaCppOptions
from tests.fit.written import LLAMA_70B, Model, gguf, q4_k_m

GIB = 2**30
MIB = 2**20


def rooms(*free_gib: float | None, kind: Kind = "cuda") -> list[DeviceRoom]:
    return [
        DeviceRoom(
            name=f"GPU {index}",
            kind=kind,
            total_bytes=24 * GIB,
            free_bytes=None if free is None else round(free * GIB),
        )
        for index, free in enumerate(free_gib)
    ]


def estimate(
    path: Path,
    model: Model,
    devices: Sequence[DeviceRoom] = (),
    *,
    context: int = 2048,
    streams: int = 1,
    **options: Any,
) -> Estimate:
    types = q4_k_m if model is LLAMA_70B else None
    shape = shape_of(read_local(gguf(path / "m.gguf", model, types)))
    needs = Needs(context_tokens=context, streams=streams)
    return llamacpp.estimate(options, shape, needs, devices)


def test_defaults_are_the_backend_s() -> None:
    backend, ours = LlamaCppOptions(), llamacpp.Options()
    for field in msgspec.structs.fields(llamacpp.Options):
        assert getattr(ours, field.name) == getattr(backend, field.name), field.name


def test_contexts_are_rounded_up(tmp_path: Path) -> None:
    assert estimate(tmp_path, Model(), context=2000).context_tokens == 2048
    assert estimate(tmp_path, Model(), context=9999, n_ctx=257).kv_capacity_tokens == 512


@pytest.mark.parametrize(
    ("kind", "per_token"), [("f32", 2048), ("f16", 1024), ("q8_0", 544), ("q4_0", 288)]
)
def test_the_cache_follows_its_type(kind: str, per_token: int, tmp_path: Path) -> None:
    found = estimate(tmp_path, Model(), type_k=kind, type_v=kind)
    assert found.kv_bytes_per_token == per_token
    assert found.footprints[-1].kv.bytes == per_token * 2048


@pytest.mark.parametrize("unified", [False, True])
def test_each_of_several_requests_has_a_cache_and_a_row_of_logits(
    unified: bool, tmp_path: Path
) -> None:
    one = estimate(tmp_path, Model(), context=512)
    four = estimate(tmp_path, Model(), context=512, streams=4, kv_unified=unified)
    assert four.footprints[-1].kv.bytes == 4 * one.footprints[-1].kv.bytes
    assert four.kv_capacity_tokens == 4 * one.kv_capacity_tokens
    assert four.context_tokens == one.context_tokens == 512
    logits = 4 * Model().vocabulary
    computed = four.footprints[-1].compute.bytes - one.footprints[-1].compute.bytes
    assert computed >= 3 * logits if unified else computed == 3 * logits


def test_layers_are_shared_with_the_output_as_one_more(tmp_path: Path) -> None:
    """Of 4 layers and the output, 3 of 5 come before the middle."""
    first, second, host = estimate(tmp_path, Model(), rooms(None, None)).footprints
    assert first.kv.bytes == 3 * second.kv.bytes
    assert second.weights.bytes - first.weights.bytes // 3 == 2 * 256 * 4096 + 4 * 256
    assert host.weights.bytes == 2 * 256 * 4096
    assert not host.kv.bytes


def test_without_shares_layers_follow_free_memory(tmp_path: Path) -> None:
    first, second, _ = estimate(tmp_path, Model(layers=8), rooms(4, 20)).footprints
    assert (first.kv.bytes, second.kv.bytes) == (2 * 2**19, 6 * 2**19)


@pytest.mark.parametrize("split_mode", ["layer", "tensor"])
def test_a_tied_embedding_is_copied_to_each_gpu_that_puts_out(
    split_mode: str, tmp_path: Path
) -> None:
    tied, two = Model(tied=True), Model()
    first, second, host = estimate(
        tmp_path, tied, rooms(None, None), split_mode=split_mode
    ).footprints
    gpus = first.weights.bytes + second.weights.bytes
    apart = estimate(tmp_path, two, rooms(None, None), split_mode=split_mode).footprints
    table = 2 * 256 * 4096
    copies = 1 if split_mode == "layer" else 2
    assert gpus == apart[0].weights.bytes + apart[1].weights.bytes + (copies - 1) * table
    assert host.weights.bytes == table


def test_layers_left_to_the_host_come_first(tmp_path: Path) -> None:
    gpu, host = estimate(tmp_path, Model(), rooms(None), n_gpu_layers=3).footprints
    assert gpu.kv.bytes == host.kv.bytes  # two layers each, and the output on the GPU
    assert gpu.weights.bytes == host.weights.bytes + 4 * 256


def test_a_gpu_that_helps_the_host_holds_its_largest_weight_too(tmp_path: Path) -> None:
    for_cuda = estimate(tmp_path, Model(), rooms(None), n_gpu_layers=1).footprints[0]
    alone = estimate(tmp_path, Model(), rooms(None), n_gpu_layers=1, op_offload=False).footprints[0]
    assert for_cuda.compute.bytes - alone.compute.bytes == 2 * 256 * 704


def test_no_layers_on_gpus_means_none_are_used(tmp_path: Path) -> None:
    (host,) = estimate(tmp_path, Model(), rooms(None, None), n_gpu_layers=0).footprints
    assert host.device == "host"


def test_split_mode_none_uses_one(tmp_path: Path) -> None:
    found = estimate(tmp_path, Model(), rooms(None, None), split_mode="none", main_gpu=1)
    assert [each.device for each in found.footprints] == ["GPU 1", "host"]


def test_remote_devices_come_first_and_share_evenly(tmp_path: Path) -> None:
    servers = ["a:1", "b:2"]
    found = estimate(tmp_path, Model(layers=5), rooms(4), rpc_servers=servers)
    assert [each.device for each in found.footprints] == ["a:1", "b:2", "GPU 0", "host"]
    assert [each.kv.bytes // 2**19 for each in found.footprints] == [2, 2, 1, 0]


def test_a_tensor_split_gives_each_a_part(tmp_path: Path) -> None:
    whole = estimate(tmp_path, Model(), rooms(None)).footprints[0]
    first, second, _ = estimate(
        tmp_path, Model(), rooms(None, None), split_mode="tensor", tensor_split=[3, 1]
    ).footprints
    norms = 4 * 256 * (4 * 2)
    assert first.weights.bytes + second.weights.bytes == whole.weights.bytes + norms
    assert first.kv.bytes == 3 * second.kv.bytes == 3 * whole.kv.bytes // 4
    assert first.compute == second.compute


def test_micro_batches_that_overlap_hold_inputs_four_times(tmp_path: Path) -> None:
    alone = estimate(tmp_path, Model(), rooms(None), context=8192)
    shared = estimate(tmp_path, Model(), rooms(None, None), context=8192)
    mask = 2 * 512 * 8192
    assert shared.footprints[-1].compute.bytes - alone.footprints[-1].compute.bytes > 3 * mask


def test_windows_bound_the_cache(tmp_path: Path) -> None:
    model = Model(architecture="gemma3", layers=6, window=512)
    (host,) = estimate(tmp_path, model, context=8192).footprints
    assert host.kv.bytes == 256 * (5 * 1024 + 8192)


def test_what_is_not_covered_is_noted(tmp_path: Path) -> None:
    found = estimate(tmp_path, Model(), rooms(None), offload_kqv=False)
    assert found.notes == ("compute buffers with offload_kqv off are not covered",)


def test_llama_70b_on_two_cards(tmp_path: Path) -> None:
    """2.5 GiB of cache at 8192 tokens, 20 GiB of weights a card, and 250 MiB of logits."""
    first, second, host = estimate(tmp_path, LLAMA_70B, rooms(None, None), context=8192).footprints
    assert (first.kv.bytes + second.kv.bytes) / GIB == pytest.approx(2.5)
    assert (first.weights.bytes + second.weights.bytes + host.weights.bytes) / GIB == (
        pytest.approx(39.59, abs=0.01)
    )
    assert first.compute.bytes < second.compute.bytes
    assert second.compute.bytes > 4 * 512 * 128256
    assert max(first.bytes, second.bytes) < 22.5 * GIB
    assert first.overhead.whence == "assumed"
