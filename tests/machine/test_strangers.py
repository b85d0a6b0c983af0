"""Other processes on the devices, as the driver tells of them; a stand-in plays it."""

from __future__ import annotations

import pytest

from crossbench.machine.reading import Reading
from crossbench.machine.strangers import Strangers
from tests.machine.stand_in import FAILING, NO_DRIVER, Facts, Play, card, system


def with_(*pids: int) -> Facts:
    """A card on which these compute."""
    return {**system(1), **card(0), "0.compute": " ".join(f"{pid}:1048576" for pid in pids)}


def watched(*own: int) -> Strangers:
    return Strangers(lambda: own, wsl=False)


def test_only_who_comes_later_counts(play: Play) -> None:
    """A desktop's process, and in a container the engine's own by another number."""
    play(with_(100, 4242))
    watch = watched()
    assert watch.arrived() == Reading(0)
    play(with_(100, 4242, 555, 556))
    assert watch.arrived() == Reading(2)
    play(with_(100, 4242))
    assert watch.arrived() == Reading(0)


def test_the_engines_own_later_processes_do_not_count(play: Play) -> None:
    play(with_(100))
    watch = watched(100, 101)
    play(with_(100, 101))
    assert watch.arrived() == Reading(0)


def test_who_comes_and_goes_while_a_request_runs_is_found(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But no more than once a second: a second glance at once does not look."""
    monkeypatch.setattr("crossbench.machine.strangers.GLANCE_S", 0.0)
    play(with_(100))
    watch = watched(100)
    play(with_(100, 555))
    watch.glance()
    monkeypatch.setattr("crossbench.machine.strangers.GLANCE_S", 3600.0)
    play(with_(100, 777))
    watch.glance()
    play(with_(100))
    assert watch.arrived() == Reading(1)
    assert watch.arrived() == Reading(0)


def test_cards_that_cuda_does_not_show_are_nobodys_business(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    both: Facts = {**system(2), **card(0), **card(1)}
    play(both)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    watch = watched()
    play({**both, "1.compute": "555:0"})
    assert watch.arrived() == Reading(0)
    play({**both, "0.compute": "555:0"})
    assert watch.arrived() == Reading(1)


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (FAILING, "the NVIDIA driver says: Insufficient Permissions"),
        (NO_DRIVER, "the NVIDIA driver says: Driver Not Loaded"),
        ({"hang nvmlDeviceGetCount_v2": 3600}, "the NVIDIA driver did not answer within 0.5 s"),
    ],
    ids=["refusing", "unloaded", "hanging"],
)
def test_a_machine_that_tells_nothing_tells_why(
    play: Play, machine: Facts, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody found is no word of nobody being there."""
    monkeypatch.setattr("crossbench.machine.cards.ANSWER_S", 0.5)
    play({**with_(100), **machine})
    watch = watched()
    for _ in range(2):
        told = watch.arrived()
        assert told.value is None
        assert (told.reason or "").startswith(why)


def test_a_driver_that_refuses_once_costs_the_answer_of_that_time(play: Play) -> None:
    play(with_(100))
    watch = watched()
    play({**with_(100), "fail nvmlDeviceGetComputeRunningProcesses_v3": 999})
    assert watch.arrived().reason == "the NVIDIA driver says: Unknown Error"
    play(with_(100, 555))
    assert watch.arrived() == Reading(1)


def test_under_wsl_nothing_is_told(play: Play) -> None:
    play(with_())
    told = Strangers(lambda: [], wsl=True).arrived()
    assert told.reason == "not told under WSL2, which shows no process of Windows"
