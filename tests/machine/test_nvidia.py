"""NVIDIA devices as the driver tells of them: the real binding on a stand-in library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from crossbench.machine import nvidia
from crossbench.machine.nvidia_model import Nvidia
from crossbench.machine.reading import Reading
from tests.machine.stand_in import (
    CLOCKS_SET,
    FAILING,
    GIB,
    MIB,
    NO_DRIVER,
    POWER_CAP,
    SYNC_BOOST,
    THROTTLED,
    TWO_3090,
    TWO_4090,
    Play,
)


def seen(*, wsl: bool = False, environ: Mapping[str, str] = os.environ) -> Nvidia:
    found = nvidia.observe(wsl=wsl, environ=environ).value
    assert found is not None
    return found


def readings(fact: Any) -> Iterator[Reading[Any]]:
    """Every reading of a struct, however deep."""
    if isinstance(fact, Reading):
        yield fact
        yield from readings(fact.value)
    elif isinstance(fact, Struct):
        for field in fact.__struct_fields__:
            yield from readings(getattr(fact, field))
    elif isinstance(fact, tuple):
        for each in fact:
            yield from readings(each)
    elif isinstance(fact, dict):
        yield from readings(tuple(fact.values()))


def test_two_cards_without_peer_to_peer(play: Play) -> None:
    play(TWO_4090)
    found = seen()
    assert (found.driver.value, found.cuda.value, found.hidden) == ("570.86.10", "12.8", 0)
    first = found.devices[0]
    assert first.name == "NVIDIA GeForce RTX 4090"
    assert first.pci_address.value == "00000000:01:00.0"
    assert first.memory_total_bytes.value == 24564 * MIB
    assert first.memory_free_bytes.value == (24564 - 400) * MIB
    assert first.resizable_bar.value is True
    assert (first.pcie.generation.value, first.pcie.most_generation.value) == (1, 4)
    assert (first.pcie.width.value, first.pcie.most_width.value) == (8, 16)
    assert (first.power.limit_w.value, first.power.most_w.value) == (450.0, 600.0)
    assert first.ecc.reason == "the NVIDIA driver says: Not Supported"
    assert first.held_back.value == ()
    assert first.occupants.value == ()
    (pair,) = found.pairs
    assert pair.topology.value == "a host bridge"
    assert pair.access["read"].value == "chipset not supported"
    assert pair.peer_to_peer is False
    assert pair.nvlinks.value == 0


def test_two_cards_with_nvlink(play: Play) -> None:
    play(TWO_3090)
    found = seen()
    (pair,) = found.pairs
    assert pair.peer_to_peer is True
    assert (pair.access["nvlink"].value, pair.nvlinks.value) == ("ok", 4)
    assert pair.topology.value == "a NUMA node, across its host bridges"
    assert found.devices[0].resizable_bar.value is False


def test_links_to_elsewhere_are_not_links_between_the_two(play: Play) -> None:
    play({**TWO_3090, "0.nvlink.3.end": "00000000:7F:00.0", "0.nvlink.2": 0})
    assert seen().pairs[0].nvlinks.value == 2


def test_links_are_told_with_their_state(play: Play) -> None:
    play({**TWO_3090, "0.nvlink.2": 0})
    first, second = seen().devices
    assert [link.active for link in first.nvlinks.value or ()] == [True, True, False, True]
    assert [link.end.value for link in second.nvlinks.value or ()] == ["00000000:01:00.0"] * 4
    play(TWO_4090)
    assert seen().devices[0].nvlinks.value == ()


@pytest.mark.parametrize(
    ("node", "value", "reason"),
    [("1\n", 1, None), ("-1\n", None, "one memory for all"), ("", None, "no NUMA node")],
)
def test_a_card_is_near_to_the_memory_that_the_kernel_says(
    play: Play, tmp_path: Path, node: str, value: int | None, reason: str | None
) -> None:
    play(TWO_4090)
    device = tmp_path / "sys/bus/pci/devices/0000:02:00.0"
    device.mkdir(parents=True)
    (device / "numa_node").write_text(node)
    found = nvidia.observe(wsl=False, environ={}, root=tmp_path).value
    assert found is not None
    first, second = found.devices
    assert (second.numa_node.value, first.numa_node.value) == (value, None)
    assert (reason or "None") in str(second.numa_node.reason)


def test_a_card_that_is_hot_and_shared(play: Play) -> None:
    play(THROTTLED)
    (card,) = seen().devices
    assert card.held_back.value == ("power limit", "heat, by hardware")
    assert (card.temperature_c.value, card.busy_percent.value) == (88, 97)
    assert (card.compute_mode.value, card.persistence.value) == ("exclusive process", False)
    others = card.occupants.value
    assert others is not None
    assert [(each.kind, each.program.value, each.memory_bytes.value) for each in others] == [
        ("compute", "python3", 20 * GIB),
        ("compute", None, MIB),
        ("graphics", "Xorg", 300 * MIB),
    ]


def test_clocks_that_somebody_has_set_are_not_held_back(play: Play) -> None:
    play({**TWO_4090, "0.reasons": CLOCKS_SET | SYNC_BOOST, "1.reasons": POWER_CAP})
    first, second = seen().devices
    assert first.clocks_set.value == ("clocks set by the user", "clocks of a group of devices")
    assert (first.held_back.value, second.clocks_set.value) == ((), ())
    assert second.held_back.value == ("power limit",)


def test_what_a_driver_refuses_is_a_reason_and_the_rest_is_read(play: Play) -> None:
    play(FAILING)
    found = seen()
    (card,) = found.devices
    assert card.memory_total_bytes.reason == "the NVIDIA driver says: Unknown Error"
    assert card.resizable_bar.value is None
    assert card.vbios.reason == "the NVIDIA driver says: Not Supported"
    assert card.occupants.value is None
    assert card.power.limit_w.value == 450.0
    assert found.driver.value is None
    assert found.lost == ("the NVIDIA driver says: GPU is lost",)
    for reading in readings(found):
        assert (reading.value is None) != (reading.reason is None)


def test_under_wsl_the_reason_names_it(play: Play) -> None:
    play(FAILING)
    told = seen(wsl=True).devices[0].busy_percent.reason
    assert told == "not told under WSL2 (the NVIDIA driver says: Not Supported)"


def test_under_wsl_nobody_on_a_card_is_no_word_of_nobody(play: Play) -> None:
    play(TWO_4090)
    told = seen(wsl=True).devices[0].occupants
    assert told.reason == "not told under WSL2, which shows no process of Windows"
    play(THROTTLED)
    assert len(seen(wsl=True).devices[0].occupants.value or ()) == 3


def test_without_a_driver_there_is_a_reason(play: Play) -> None:
    play(NO_DRIVER)
    found = nvidia.observe(wsl=False, environ={})
    assert (found.value, found.reason) == (None, "the NVIDIA driver says: Driver Not Loaded")


@pytest.mark.parametrize(
    ("shown", "addresses", "hidden"),
    [
        ("1", ["02"], 1),
        ("1,0", ["02", "01"], 0),
        ("GPU-1a1b", ["02"], 1),
        ("0,7,1", ["01"], 1),
        ("-1", [], 2),
        ("", [], 2),
        ("GPU-", [], 2),
    ],
)
def test_hidden_cards_are_left_out_in_the_order_of_cuda(
    play: Play, shown: str, addresses: list[str], hidden: int
) -> None:
    play(TWO_4090)
    found = seen(environ={"CUDA_VISIBLE_DEVICES": shown})
    told = [(device.pci_address.value or "")[9:11] for device in found.devices]
    assert (told, found.hidden) == (addresses, hidden)
