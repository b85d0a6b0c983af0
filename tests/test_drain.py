"""The device is asked through the real `nvidia-smi` command line, here a script that stands for it.

No CUDA machine has run this; what it prints there is taken from nvidia-smi's documentation.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crossbench.machine import drain
from crossbench.machine.drain import Drain


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose lines an `nvidia-smi` prints one call after the other, the last for ever."""
    readings = tmp_path / "readings"
    script = tmp_path / "nvidia-smi"
    script.write_text(
        f'#!/bin/sh\nhead -n 1 "{readings}"\n'
        f'[ "$(wc -l < "{readings}")" -gt 1 ] && sed -i 1d "{readings}"\nexit 0\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(drain, "LOOK_EVERY_S", 0.01)
    return readings


def test_it_waits_until_the_memory_is_free_again(smi: Path) -> None:
    smi.write_text("GPU-1, 300\nGPU-1, 20000\nGPU-1, 9000\nGPU-1, 320\n")
    waiting = Drain()
    assert waiting.wait() == {}
    assert smi.read_text() == "GPU-1, 320\n"


def test_what_stays_occupied_is_told_after_a_bounded_wait(
    smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LIMIT_S", 0.2)
    smi.write_text("GPU-1, 300\nGPU-1, 1324\n")
    waiting = Drain()
    began = time.monotonic()
    assert waiting.wait() == {"GPU-1": 2**30}
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("told", ["", "No devices were found\n", "GPU-1, [N/A]\n"])
def test_a_machine_without_readable_devices_is_not_waited_for(smi: Path, told: str) -> None:
    smi.write_text(told)
    assert Drain().wait() == {}
