"""Other processes on the devices, as the driver tells of them; a stand-in plays it."""

from __future__ import annotations

import pytest

from crossbench.machine.strangers import Strangers
from tests.machine.stand_in import FAILING, NO_DRIVER, Facts, Play, card, system


def with_(*pids: int) -> Facts:
    """A card on which these compute."""
    return {**system(1), **card(0), "0.compute": " ".join(f"{pid}:1048576" for pid in pids)}


def test_only_who_comes_later_counts(play: Play) -> None:
    """A desktop's process, and in a container the engine's own by another number."""
    play(with_(100, 4242))
    watch = Strangers(lambda: [])
    assert watch.arrived() == 0
    play(with_(100, 4242, 555, 556))
    assert watch.arrived() == 2
    play(with_(100, 4242))
    assert watch.arrived() == 0


def test_the_engines_own_later_processes_do_not_count(play: Play) -> None:
    play(with_(100))
    watch = Strangers(lambda: [100, 101])
    play(with_(100, 101))
    assert watch.arrived() == 0


@pytest.mark.parametrize("machine", [FAILING, NO_DRIVER, {"hang nvmlDeviceGetCount_v2": 3600}])
def test_a_machine_that_tells_nothing_has_no_strangers(
    play: Play, machine: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossbench.machine.cards.ANSWER_S", 0.5)
    play({**with_(100), **machine})
    watch = Strangers(lambda: [])
    assert watch.arrived() == 0
