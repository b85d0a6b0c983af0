"""Other processes on the devices, as `nvidia-smi` lists them; a script stands for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crossbench.machine.strangers import Strangers

Say = Callable[[str], object]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Sets the process ids that compute on the devices."""
    listing, script = tmp_path / "pids", tmp_path / "nvidia-smi"
    listing.write_text("")
    script.write_text(f'#!/bin/sh\ncat "{listing}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return listing.write_text


def test_only_who_comes_later_counts(say: Say) -> None:
    """A desktop's process, and in a container the engine's own by another number."""
    say("100\n4242\n")
    watch = Strangers(lambda: [])
    assert watch.arrived() == 0
    say("100\n4242\n555\n556\n")
    assert watch.arrived() == 2
    say("100\n4242\n")
    assert watch.arrived() == 0


def test_the_engines_own_later_processes_do_not_count(say: Say) -> None:
    say("100\n")
    watch = Strangers(lambda: [100, 101])
    say("100\n101\n")
    assert watch.arrived() == 0


@pytest.mark.parametrize("told", ["", "No devices were found\n", "[Insufficient Permissions]\n"])
def test_a_machine_that_tells_nothing_has_no_strangers(say: Say, told: str) -> None:
    watch = Strangers(lambda: [])
    say(told)
    assert watch.arrived() == 0
