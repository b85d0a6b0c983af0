"""Published facts of devices, and machines that are matched with them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.machine import facts
from crossbench.machine.apple_model import Apple
from crossbench.machine.model import Machine
from crossbench.machine.published import bandwidth, published
from crossbench.machine.reading import Reading
from tests.machine.stand_in import TWO_3090, TWO_4090, Play

GB = 10**9


def mac(chip: str, cores: int | None) -> Reading[Apple]:
    unknown = Reading[int](reason="untold")
    return Reading(
        Apple(
            chip=Reading(chip),
            performance_cores=unknown,
            efficiency_cores=unknown,
            gpu_cores=Reading(cores) if cores else unknown,
            wired_limit_bytes=Reading(0),
            low_power_mode=Reading(False),
            thermal_warning=Reading("none"),
            on_battery=Reading(False),
        )
    )


def test_a_card_has_its_figures_and_their_source() -> None:
    card = published("NVIDIA GeForce RTX 4090")
    assert card is not None
    assert card.memory_bytes_per_s == 1008 * GB
    assert (card.fp16_tflops, card.power_w, card.lanes) == (165.2, 450, 16)
    assert card.pcie_bytes_per_s == 31.5 * GB
    assert card.nvlink_bytes_per_s is None
    assert card.source


def test_links_are_given_in_one_direction() -> None:
    card = published("NVIDIA GeForce RTX 3090")
    assert card is not None
    assert card.nvlink_bytes_per_s == 56.25 * GB


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4090 D", "RTX 4090", "", "Apple M3 Max"])
def test_a_device_that_is_merely_alike_is_not_known(name: str) -> None:
    assert published(name) is None


def test_figures_that_differ_within_a_row_are_withheld() -> None:
    small, large = published("Apple M3 Ultra (60c)"), published("Apple M3 Ultra (80c)")
    assert small is not None
    assert large is not None
    assert small.memory_bytes_per_s == large.memory_bytes_per_s == 819 * GB
    assert small.fp16_tflops is large.fp16_tflops is None


def machine(play: Play, *names: str) -> Machine:
    play({**TWO_4090, **{f"{place}.name": name for place, name in enumerate(names)}})
    return facts.observe()


def test_bandwidth_of_a_machine(play: Play) -> None:
    assert bandwidth(machine(play)) == 1008 * GB
    slower = machine(play, "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3090")
    assert bandwidth(slower) == 936 * GB
    assert bandwidth(machine(play, "NVIDIA GeForce RTX 4090", "NVIDIA T4")) is None
    play(TWO_3090)
    assert bandwidth(facts.observe()) == 936 * GB
    assert bandwidth(replace(facts.observe(), cuda_devices=())) is None


def test_bandwidth_of_a_mac(play: Play) -> None:
    plain = replace(machine(play), cuda_devices=())
    assert bandwidth(replace(plain, apple=mac("Apple M2 Ultra", 76))) == 800 * GB
    assert bandwidth(replace(plain, apple=mac("Apple M2 Ultra", None))) is None
    assert bandwidth(replace(plain, apple=mac("Apple M9", 1))) is None
