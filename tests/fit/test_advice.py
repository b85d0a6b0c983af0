"""Whether it fits, how far, and what else would."""

from __future__ import annotations

from typing import Any

import pytest

from crossbench.api import Needs
from crossbench.fit.advice import Fit, advise
from crossbench.fit.artifact import shape_of
from crossbench.fit.footprint import DeviceRoom
from crossbench.fit.rooms import supposed, usable_bytes
from crossbench.fit.shape import ModelShape
from crossbench.fit.words import breakdown, verdict
from crossbench.headers.files import read_local
from tests.fit.written import LLAMA_70B, folder, gguf, q4_k_m

GIB = 2**30


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> ModelShape:
    path = tmp_path_factory.mktemp("70b") / "m.gguf"
    return shape_of(read_local(gguf(path, LLAMA_70B, q4_k_m)))


@pytest.fixture(scope="module")
def awq(tmp_path_factory: pytest.TempPathFactory) -> ModelShape:
    return shape_of(read_local(folder(tmp_path_factory.mktemp("awq"), LLAMA_70B, "awq")))


@pytest.fixture(scope="module")
def four_bits(tmp_path_factory: pytest.TempPathFactory) -> ModelShape:
    return shape_of(read_local(folder(tmp_path_factory.mktemp("mlx"), LLAMA_70B, "mlx")))


def cards(*free_gib: float, total_gib: float = 24, host_gib: float = 60) -> list[DeviceRoom]:
    gpus = [
        DeviceRoom(
            name=f"GPU {index}",
            kind="cuda",
            total_bytes=round(total_gib * GIB),
            free_bytes=round(free * GIB),
        )
        for index, free in enumerate(free_gib)
    ]
    host = DeviceRoom(
        name="host", kind="host", total_bytes=64 * GIB, free_bytes=round(host_gib * GIB)
    )
    return [*gpus, host]


def mac(gib: float, free_gib: float) -> list[DeviceRoom]:
    return [
        DeviceRoom(
            name="GPU",
            kind="metal",
            total_bytes=round(gib * GIB),
            free_bytes=round(free_gib * GIB),
        )
    ]


def fit(
    backend: str, shape: ModelShape, rooms: list[DeviceRoom], context: int = 8192, **options: Any
) -> Fit:
    found = advise(backend, options, shape, Needs(context_tokens=context), rooms)
    assert found is not None
    return found


def remedies(found: Fit) -> dict[str, Any]:
    return {key: value for remedy in found.remedies for key, value in remedy.options.items()}


def test_70b_fits_two_cards_with_a_desktop_running(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(22.5, 23.5))
    assert found.fits
    assert not found.shortfalls
    assert not found.remedies
    assert found.largest_context is not None
    assert 8192 < found.largest_context < 131072


def test_the_largest_context_is_the_largest(llama: ModelShape) -> None:
    rooms = cards(22.5, 23.5)
    largest = fit("llamacpp", llama, rooms).largest_context
    assert largest is not None
    assert fit("llamacpp", llama, rooms, context=largest).fits
    assert not fit("llamacpp", llama, rooms, context=largest + 256).fits


def test_the_largest_context_is_at_most_the_model_s(llama: ModelShape) -> None:
    assert fit("llamacpp", llama, cards(80, 80, total_gib=80)).largest_context == 131072


def test_too_long_a_context_is_told_with_what_would_do(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(23.5, 23.5), context=32768)
    assert not found.fits
    assert [shortfall.device for shortfall in found.shortfalls] == ["GPU 0", "GPU 1"]
    offered = remedies(found)
    assert offered["type_k"] in {"q8_0", "q4_0"}
    assert offered["n_ctx"] == found.largest_context
    assert 40 < offered["n_gpu_layers"] < 81


def test_every_remedy_alone_would_do(llama: ModelShape) -> None:
    rooms = cards(23.5, 23.5)
    found = fit("llamacpp", llama, rooms, context=32768)
    for remedy in found.remedies:
        context = 8192 if "n_ctx" in remedy.options else 32768
        assert fit("llamacpp", llama, rooms, context=context, **remedy.options).fits, remedy


def test_a_card_in_use_gets_fewer_layers(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(20.3, 23.9), tensor_split=[1, 1])
    assert not found.fits
    first, second = remedies(found)["tensor_split"]
    assert first + second == 81
    assert first < second


def test_where_weights_alone_are_too_large_layers_go_to_the_host(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(23.5), split_mode="none")
    assert found.largest_context is None
    assert set(remedies(found)) == {"n_gpu_layers"}


def test_a_host_too_small_is_no_remedy(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(12, host_gib=8), split_mode="none")
    assert not found.fits
    assert not found.remedies


def test_two_cards_serve_where_one_does_not(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(23.5, 23.5), split_mode="none")
    assert remedies(found)["split_mode"] == "layer"


def test_vllm_must_have_what_it_may_take(awq: ModelShape) -> None:
    """It takes its share of all memory, and starts only where that is free."""
    assert fit("vllm", awq, cards(23.5, 23.5), tensor_parallel_size=2).fits
    found = fit("vllm", awq, cards(21.9, 21.9), tensor_parallel_size=2)
    assert not found.fits
    assert remedies(found) == {"gpu_memory_utilization": 0.9}


def test_vllm_s_cache_may_be_too_small_for_the_plan(awq: ModelShape) -> None:
    found = fit("vllm", awq, cards(23.5, 23.5), context=16384, tensor_parallel_size=2)
    assert not found.fits
    assert found.kv_short
    assert not found.shortfalls
    assert remedies(found)["kv_cache_dtype"] == "fp8"


def test_vllm_on_one_card_is_told_of_the_other(awq: ModelShape) -> None:
    found = fit("vllm", awq, cards(23.5, 23.5), context=4096)
    assert remedies(found)["tensor_parallel_size"] == 2


def test_a_mac_of_64_gib_holds_70b_and_one_of_48_does_not(four_bits: ModelShape) -> None:
    assert fit("mlx", four_bits, mac(64, 58)).fits
    found = fit("mlx", four_bits, mac(48, 44))
    assert not found.fits
    assert found.largest_context is None


def test_a_wired_limit_is_offered_where_it_would_do(four_bits: ModelShape) -> None:
    found = fit("mlx", four_bits, mac(52, 50))
    assert not found.fits
    assert remedies(found)["wired_limit_mib"] == round(0.9 * 52 * GIB) // 2**20


def test_metal_may_use_a_part_of_memory_only() -> None:
    (room,) = mac(100, 90)
    assert usable_bytes(room, {}) == 74 * GIB
    assert usable_bytes(room, {"wired_limit_mib": 80 * 1024}) == 80 * GIB
    assert usable_bytes(room, {"wired_limit_mib": 95 * 1024}) == 90 * GIB
    (room,) = mac(100, 10)
    assert usable_bytes(room, {}) == 10 * GIB


def test_devices_that_are_not_there_leave_it_open(llama: ModelShape, awq: ModelShape) -> None:
    """What hardware would do is then in the estimate."""
    rooms = [*supposed({}, cuda=2), *cards()]
    found = fit("llamacpp", llama, rooms)
    assert found.fits is None
    assert found.largest_context is None
    assert [each.device for each in found.estimate.footprints] == ["GPU 0", "GPU 1", "host"]
    split = {"tensor_parallel_size": 2}
    found = fit("vllm", awq, list(supposed(split, cuda=1)), **split)
    assert found.fits is None
    assert [each.bytes < 24 * GIB for each in found.estimate.footprints] == [True, True]


def test_on_the_host_alone_its_memory_counts(llama: ModelShape) -> None:
    assert fit("llamacpp", llama, cards(host_gib=50)).fits
    found = fit("llamacpp", llama, cards(host_gib=30))
    assert [shortfall.device for shortfall in found.shortfalls] == ["host"]


def test_an_unknown_backend_is_left_open(llama: ModelShape) -> None:
    assert advise("other", {}, llama, Needs(context_tokens=1), []) is None


def test_llamacpp_on_a_mac_counts_the_host_s_part_too(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, mac(64, 60))
    assert found.fits
    needed = sum(each.bytes for each in found.estimate.footprints)
    found = fit("llamacpp", llama, mac(64, needed / GIB - 0.1))
    (short,) = found.shortfalls
    assert (short.device, short.needed_bytes) == ("GPU", needed)


def test_a_fit_is_told_in_words(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(23.5, 23.5))
    assert verdict(found) == f"fits, with up to {found.largest_context:,} tokens of context"
    lines = breakdown(found.estimate)
    assert len(lines) == 3
    assert lines[0].startswith("GPU 0: 21.")
    assert "overhead 0.5 GiB (assumed)" in lines[0]


def test_a_misfit_is_told_with_what_would_do(awq: ModelShape, llama: ModelShape) -> None:
    found = fit("llamacpp", llama, cards(23.5), split_mode="none")
    assert verdict(found).startswith("does not fit: GPU 0 would hold 42.")
    assert "of 23.5 GiB usable; what would fit: " in verdict(found)
    assert verdict(found).endswith("layers on the GPU, the others on the host")
    found = fit("vllm", awq, cards(23.5, 23.5), context=16384, tensor_parallel_size=2)
    assert "its KV cache would hold" in verdict(found)
    found = fit("vllm", awq, cards(12), context=4096)
    assert verdict(found).endswith("what would fit: nothing known here")


def test_what_hardware_would_do_is_told(llama: ModelShape) -> None:
    found = fit("llamacpp", llama, list(supposed({}, cuda=2)))
    assert verdict(found).startswith("would take 21.")
    assert "on GPU 0, " in verdict(found)
