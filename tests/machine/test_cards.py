"""Asking the driver in a process of its own: the real binding there, on a stand-in library."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from crossbench.doctor import diagnose
from crossbench.lint.conditions import conditions
from crossbench.machine import cards, facts, nvidia
from crossbench.machine.drain import Drain
from crossbench.machine.nvml import NO_DRIVER as NOT_INSTALLED
from crossbench.machine.reading import Reading
from crossbench.machine.recorder import LOOK_EVERY_S
from crossbench.registry import Registry
from tests.conftest import ROOT
from tests.machine.stand_in import (
    FAILING,
    GIB,
    HANGING,
    MIB,
    NO_DRIVER,
    THROTTLED,
    TWO_3090,
    TWO_4090,
    Facts,
    Play,
    card,
    system,
)

pytestmark = pytest.mark.usefixtures("no_process_left")
WAIT_S = 30


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "ANSWER_S", 0.5)


def asking() -> int:
    """The id of the process that asks."""
    process = cards._cards._process
    assert process is not None
    return process.pid


@pytest.mark.parametrize("machine", [TWO_4090, TWO_3090, THROTTLED, FAILING, NO_DRIVER])
def test_it_tells_what_the_driver_tells(play: Play, machine: Facts) -> None:
    play(machine)
    assert cards.observe(wsl=False, environ={}) == nvidia.observe(wsl=False, environ={})


def test_it_tells_of_the_cards_that_cuda_shows_to_whoever_asks(play: Play) -> None:
    play(TWO_4090)
    found = cards.observe(wsl=True, environ={"CUDA_VISIBLE_DEVICES": "1"}).value
    assert found is not None
    assert [device.pci_address.value for device in found.devices] == ["00000000:02:00.0"]
    assert "not told under WSL2" in (found.devices[0].ecc.reason or "")


def test_one_process_answers_everything(play: Play) -> None:
    play({**TWO_4090, "0.compute": "4711:1048576", "1.compute": "4711:1048576 4712:0"})
    assert cards.computing(wsl=False, environ={}).value == frozenset({4711, 4712})
    first = asking()
    assert cards.celsius() == (34, 34)
    assert set(cards.used_bytes().values()) == {400 * MIB}
    assert asking() == first


@pytest.mark.parametrize("function", ["nvmlInitWithFlags", "nvmlDeviceGetMemoryInfo"])
def test_a_driver_that_hangs_is_waited_for_once(play: Play, impatient: None, function: str) -> None:
    play({**system(1), **card(0), f"hang {function}": 3600})
    told = cards.observe(wsl=False, environ={})
    assert told.value is None
    assert (told.reason or "").startswith("the NVIDIA driver did not answer within 0.5 s: it hangs")
    began = time.monotonic()
    assert cards.observe(wsl=False, environ={}) == told
    assert cards.used_bytes() == {}
    assert cards.computing(wsl=False, environ={}) == Reading(reason=told.reason)
    assert cards.celsius() == ()
    assert Drain().wait() == {}
    assert time.monotonic() - began < 2.0


def test_the_doctor_tells_of_a_driver_that_hangs(play: Play, impatient: None) -> None:
    play(HANGING)
    seen = facts.observe()
    assert seen.cuda_devices == ()
    assert seen.host.value is not None
    (found,) = [each for each in diagnose(seen, Registry()).conditions if "driver" in each.rule]
    assert (found.rule, found.severity) == ("driver-silent", "risk")
    assert "did not answer" in found.evidence
    assert "sudo dmesg" in found.fix


def test_an_asking_process_that_dies_is_a_reason(play: Play) -> None:
    play(TWO_4090)
    assert cards.used_bytes()
    os.kill(asking(), signal.SIGKILL)
    assert cards.used_bytes() == {}
    told = cards.observe(wsl=False, environ={}).reason or ""
    assert told.startswith("the process that asks the NVIDIA driver broke off")


def test_an_answer_that_nobody_waited_for_is_not_the_next_ones(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    play(TWO_4090)
    assert cards.celsius() == (34, 34)
    first = asking()
    with monkeypatch.context() as patched:
        patched.setattr("select.select", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cards.celsius()
    assert not psutil.pid_exists(first)
    assert set(cards.used_bytes().values()) == {400 * MIB}


def test_without_the_library_nothing_is_started(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(TWO_4090)
    monkeypatch.setattr(cards, "LIBRARY", "libnvidia-ml.so.none")
    assert cards.observe(wsl=False, environ={}).reason == NOT_INSTALLED
    assert cards._cards._process is None
    assert "driver-silent" not in [each.rule for each in conditions(facts.observe())]


def test_without_an_interpreter_there_is_a_reason(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(TWO_4090)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "broke off" in (cards.observe(wsl=False, environ={}).reason or "")


def test_a_hanging_driver_does_not_outlive_a_killed_host(play: Play) -> None:
    """The fixture of all these tests looks for it."""
    play({**HANGING, "0.used": GIB})
    code = (
        "import sys\nfrom crossbench.machine import cards\n"
        "cards.LIBRARY = sys.argv[1]\ncards.used_bytes()\n"
    )
    command = [sys.executable, "-c", code, cards.LIBRARY]
    host = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + WAIT_S
    while not psutil.Process(host.pid).children() and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    assert psutil.Process(host.pid).children()
    host.kill()
    host.wait()
