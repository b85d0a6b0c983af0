"""`crossbench doctor` on this machine, and on machines that the driver's stand-in plays."""

from __future__ import annotations

import getpass
import json
import os
import platform
from pathlib import Path

import pytest

from tests.called import call_crossbench
from tests.conftest import run_crossbench
from tests.machine.stand_in import FAILING, NO_DRIVER, THROTTLED, TWO_3090, TWO_4090, Facts, Play
from tools import doctor_pages

LIMIT_S = 2.0
"""Of the process's own time: a busy machine takes longer by the clock."""


def told(folder: Path, *options: str) -> str:
    found = call_crossbench(folder, "doctor", *options)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


def test_two_cards_and_the_path_between_them(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    page = " ".join(told(tmp_path).split())
    assert "GPU 1: NVIDIA GeForce RTX 4090" in page
    assert "PCIe lanes 8 now, at most 16" in page
    assert "GPU 0 to GPU 1 in common a host bridge peer-to-peer read chipset not supported" in page
    assert "published bandwidth 1,008 GB/s" in page
    assert "[pcie-narrow] note: GPU 0: x8 of x16; GPU 1: x8 of x16" in page
    assert "ECC not known: the NVIDIA driver says: Not Supported" in page
    assert "NVLink links none" in page
    assert "NUMA node not known: " in page
    assert (
        "[no-peer-to-peer] note: GPU 0 and GPU 1: chipset not supported; what they send each other"
    ) in page


def test_two_cards_with_nvlink(play: Play, tmp_path: Path) -> None:
    play(TWO_3090)
    page = " ".join(told(tmp_path).split())
    assert "peer-to-peer nvlink ok" in page
    assert "NVLink links between them 4" in page
    assert "resizable BAR off" in page
    assert "NVLink links 4 active" in page
    assert "[resizable-bar] note: GPU 0: 256 MiB of its memory at once; GPU 1: 256 MiB" in page
    assert "no-peer-to-peer" not in page


def test_a_driver_that_refuses_much(play: Play, tmp_path: Path) -> None:
    play(FAILING)
    page = " ".join(told(tmp_path).split())
    assert "lost device the NVIDIA driver says: GPU is lost" in page
    assert "[gpu-lost] risk: the NVIDIA driver says: GPU is lost; sudo dmesg says more" in page
    assert "memory not known: the NVIDIA driver says: Unknown Error" in page
    assert "others on it not known: " in page
    assert "power limit 450 W, by default 450 W" in page


def test_a_bridge_that_is_not_seated_well(play: Play, tmp_path: Path) -> None:
    play({**TWO_3090, "0.nvlink.2": 0, "0.ecc": 1})
    page = " ".join(told(tmp_path).split())
    assert "NVLink links 3 active, 1 inactive" in page
    assert "[nvlink-inactive] risk: GPU 0: 1 of 4 links; seat the bridge anew" in page
    assert "[ecc-on] note: GPU 0: on; say it with the numbers, or turn it off by" in page


def test_a_driver_that_is_there_and_not_loaded(play: Play, tmp_path: Path) -> None:
    play(NO_DRIVER)
    page = " ".join(told(tmp_path).split())
    assert "NVIDIA devices not known: the NVIDIA driver says: Driver Not Loaded" in page
    assert "[driver-silent] risk: the NVIDIA driver says: Driver Not Loaded; sudo dmesg" in page


def test_a_card_that_is_not_at_its_best_and_what_to_do(play: Play, tmp_path: Path) -> None:
    play(THROTTLED)
    page = told(tmp_path)
    assert "[gpu-busy] unfair: GPU 0: 2 processes of others on it, 97 % busy" in page
    assert "[gpu-held-back] risk: GPU 0: power limit, heat, by hardware" in page
    assert "[power-limit] note: GPU 0: 300 W, by default 450 W" in page
    assert "[compute-mode] risk: GPU 0: exclusive process; sudo nvidia-smi -c DEFAULT" in page
    assert "Xorg (graphics, 300 MiB)" in page


@pytest.mark.parametrize("machine", [TWO_4090, THROTTLED, FAILING])
def test_redacted_it_can_be_shown_to_anybody(play: Play, tmp_path: Path, machine: Facts) -> None:
    play(machine)
    for options in (["--redacted"], ["--redacted", "--json"]):
        page = told(tmp_path, *options)
        private = ["0a1b2c3d", str(Path.home()), str(tmp_path), "python3", "anna", platform.node()]
        for word in filter(None, private):
            assert word not in page
        assert f"/{getpass.getuser()}/" not in page
    assert "0a1b2c3d" in told(tmp_path)


def test_as_json_it_holds_machine_conditions_and_backends(play: Play, tmp_path: Path) -> None:
    play(THROTTLED)
    found = json.loads(told(tmp_path, "--json"))
    assert found["machine"]["nvidia"]["value"]["devices"][0]["temperature_c"]["value"] == 88
    assert {each["rule"] for each in found["conditions"]} >= {"gpu-busy", "power-limit"}
    assert {each["backend"] for each in found["backends"]} >= {"llamacpp", "vllm", "mlx"}


@pytest.mark.slow
def test_it_takes_at_most_two_seconds(play: Play, tmp_path: Path) -> None:
    """The least of three, because a busy machine only ever adds."""
    play(TWO_4090)
    spent = []
    for _ in range(3):
        before = os.times()
        assert run_crossbench(tmp_path, "doctor").returncode == 0
        after = os.times()
        user = after.children_user - before.children_user
        spent.append(user + after.children_system - before.children_system)
    assert min(spent) <= LIMIT_S


def test_the_pages_of_the_manual_are_what_the_doctor_says(play: Play, tmp_path: Path) -> None:
    assert doctor_pages.PAGE.read_text() == doctor_pages.page(play), "python -m tools.doctor_pages"
    play(TWO_4090)
    page = told(tmp_path, "--redacted")
    for line in filter(None, doctor_pages.page(play).split("```")[1].splitlines()[1:]):
        if "NUMA node" not in line:
            assert line in page
