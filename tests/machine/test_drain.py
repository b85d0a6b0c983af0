"""Waiting for the devices' memory, on the real binding and a stand-in for NVIDIA's library."""

from __future__ import annotations

import time

import pytest

from crossbench.machine import drain
from crossbench.machine.cards import used_bytes
from crossbench.machine.drain import Drain
from tests.machine.stand_in import FAILING, GIB, MIB, NO_DRIVER, TWO_4090, Facts, Play


def using(*readings: int) -> Facts:
    """The first card uses these MiB, one reading after the other, the last for ever."""
    return {**TWO_4090, "0.used": ",".join(str(mib * MIB) for mib in (*readings, readings[-1]))}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "LOOK_EVERY_S", 0.01)


def test_it_waits_until_the_memory_is_free_again(play: Play) -> None:
    play(using(300, 20000, 9000, 320))
    waiting = Drain()
    assert waiting.wait() == {}
    assert used_bytes()["GPU-0a1b2c3d-0000-1111-2222-333344445555"] == 320 * MIB


def test_what_stays_occupied_is_told_after_a_bounded_wait(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LIMIT_S", 0.2)
    play(using(300, 1324))
    waiting = Drain()
    began = time.monotonic()
    assert waiting.wait() == {"GPU-0a1b2c3d-0000-1111-2222-333344445555": GIB}
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("machine", [FAILING, NO_DRIVER])
def test_a_machine_without_readable_devices_is_not_waited_for(play: Play, machine: Facts) -> None:
    play(machine)
    assert used_bytes() == {}
    assert Drain().wait() == {}
