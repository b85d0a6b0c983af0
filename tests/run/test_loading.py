"""What several replicas resolved, told as of one target."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from crossbench.api import Device, DeviceMemory, Fact, Parallelism
from crossbench.run.loading import as_one, summed
from tests.comparison.scripted import LOADED, settled

CARDS = [Device(id=f"GPU-{n}", name="a card", kind="gpu") for n in range(2)]


def test_one_worker_is_told_as_it_is() -> None:
    assert as_one([LOADED]) == LOADED


def test_replicas_are_data_parallel_over_the_devices_of_each() -> None:
    told = as_one([replace(LOADED, devices=(card,)) for card in CARDS])
    assert told.parallelism == Fact(Parallelism.DATA, "config")
    assert told.devices == tuple(CARDS)
    assert told.settings["replicas"] == Fact[Any](2, "config")
    assert "replicas differ in" not in told.settings


def test_replicas_that_split_the_model_themselves_keep_saying_so() -> None:
    split = replace(LOADED, parallelism=Fact(Parallelism.TENSOR, "api"))
    assert as_one([split, split]).parallelism == Fact(Parallelism.TENSOR, "api")


def test_what_replicas_do_not_share_is_named() -> None:
    other = replace(settled(threads=2), attention=Fact("flash", "log"))
    told = as_one([LOADED, other]).settings["replicas differ in"]
    assert told == Fact[Any]("attention, threads", "config")


def test_memory_of_one_device_is_added_up() -> None:
    held = DeviceMemory(weights_bytes=10, kv_bytes=None, used_bytes=12)
    assert summed([{"cpu": held}, {"cpu": held}]) == {
        "cpu": DeviceMemory(weights_bytes=20, used_bytes=24)
    }
    assert summed([{"a": held}, {"b": held}]) == {"a": held, "b": held}
