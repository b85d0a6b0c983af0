"""A machine as manifests and reports hold it."""

from __future__ import annotations

import getpass
import json
import platform
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from crossbench.fit.rooms import usable_bytes
from crossbench.machine import facts, rooms
from crossbench.machine.model import Machine
from crossbench.machine.reading import UNRECORDED, Reading
from crossbench.machine.redaction import aliases, redacted, scrubbed
from tests.called import call_crossbench
from tests.conftest import SuiteWriter
from tests.machine.stand_in import FAILING, GIB, MIB, THROTTLED, TWO_4090, Facts, Play
from tests.machine.test_published import mac

OLD = b"""{"platform": "linux-x86_64", "system": "Linux", "cpu": "a processor", "physical_cores": 2,
"logical_cores": 2, "memory_bytes": 1024, "cuda_devices": [], "wsl": false, "python": "3.11"}"""


def test_machines_of_old_manifests_are_read_and_say_what_they_lack() -> None:
    old = msgspec.json.decode(OLD, type=Machine)
    assert old.nvidia.reason == old.host.reason == old.apple.reason == UNRECORDED
    assert old.gpus == ()


@pytest.mark.parametrize("played", [TWO_4090, THROTTLED, FAILING])
def test_a_machine_survives_the_manifest(play: Play, played: Facts) -> None:
    play(played)
    seen = facts.observe()
    assert len(seen.cuda_devices) == len(seen.gpus) > 0
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Machine) == seen


def test_rooms_are_those_of_the_visible_cards(play: Play) -> None:
    play(TWO_4090)
    first, second, host = rooms.observe(facts.observe())
    assert (first.name, second.name, host.name) == ("GPU 0", "GPU 1", "host")
    assert (first.total_bytes, first.free_bytes) == (24564 * MIB, 24164 * MIB)
    play(FAILING)
    (unknown, _) = rooms.observe(facts.observe())
    assert (unknown.total_bytes, unknown.free_bytes) == (None, None)


def test_a_macs_room_is_what_its_owner_lets_metal_keep(play: Play) -> None:
    play({**TWO_4090, "count": 0})
    seen = replace(facts.observe(), platform="macos-arm64", apple=mac("Apple M2 Max", 38))
    gpu, _ = rooms.observe(seen)
    by_itself = usable_bytes(gpu, {})
    assert gpu.resident_bytes is None
    apple = mac("Apple M2 Max", 38).value
    assert apple is not None
    lowered = replace(apple, wired_limit_bytes=Reading(GIB))
    gpu, _ = rooms.observe(replace(seen, apple=Reading(lowered)))
    assert usable_bytes(gpu, {}) == GIB != by_itself
    assert usable_bytes(gpu, {"wired_limit_mib": 2048}) == 2 * GIB


def test_what_is_redacted_names_nobody_and_nothing(play: Play) -> None:
    play(THROTTLED)
    seen = facts.observe()
    (uuid,) = aliases(seen)
    assert aliases(seen)[uuid] == "GPU 0"
    shown = msgspec.json.encode(redacted(seen)).decode()
    for private in (uuid, "python3", "Xorg", "anna"):
        assert private not in shown
        assert private != uuid or private in msgspec.json.encode(seen).decode()
    assert redacted(seen).gpus[0].occupants.value is not None
    assert redacted(seen).gpus[0].memory_used_bytes.value == 21 * GIB


@pytest.mark.slow
def test_a_run_keeps_the_machine_and_its_report_names_no_device(
    play: Play, suite: SuiteWriter, store: Path, tmp_path: Path
) -> None:
    play(TWO_4090)
    assert call_crossbench(tmp_path, "run", suite(), "--out", "run").returncode == 0
    uuid = "GPU-0a1b2c3d-0000-1111-2222-333344445555"
    assert uuid in (tmp_path / "run" / "run.json").read_text()
    for name in ("report.json", "report.md"):
        text = (tmp_path / "run" / name).read_text()
        assert uuid not in text
        assert "NVIDIA GeForce RTX 4090" in text
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    (pair,) = report["machine"]["nvidia"]["value"]["pairs"]
    assert pair["access"]["read"]["value"] == "chipset not supported"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in /home/anna/x.py: broken", "in PATH/x.py: broken"),
        ("in ~/llama/bin/python", "in PATH/python"),
        ("read/write and 1/2 of it", "read/write and 1/2 of it"),
        ("GPU-0a1b2c3d-0000-1111 is busy", "(UUID) is busy"),
        ("see https://example.org/a", "see https://example.org/a"),
        ("of anna on quuxbox.", "of (private) on (private)."),
    ],
)
def test_sentences_are_scrubbed(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "quuxbox")
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    assert scrubbed(text) == shown
