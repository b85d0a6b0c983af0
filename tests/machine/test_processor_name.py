"""The name of a processor, from what Linux tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.machine import facts
from crossbench.machine.processor_name import processor_name
from tests.machine.test_host import write

X86 = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu\n"


def arm(*cores: tuple[str, str]) -> str:
    """`/proc/cpuinfo` of arm64: no line names a model, and none has flags."""
    lines = "processor\t: {}\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: {}\n"
    lines += "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: {}\nCPU revision\t: 1\n\n"
    return "".join(lines.format(number, *core) for number, core in enumerate(cores))


@pytest.mark.parametrize(
    ("cpuinfo", "board", "name"),
    [
        (X86, "", "AMD EPYC 7B13"),
        (arm(*[("0x41", "0xd0c")] * 4), "", "ARM Neoverse-N1"),
        (arm(*[("0x41", "0xd42")] * 2), "Jetson AGX Orin\0", "ARM Cortex-A78AE (Jetson AGX Orin)"),
        (arm(("0x41", "0xd80"), ("0x41", "0xd81")), "", "ARM Cortex-A520, ARM Cortex-A720"),
        (arm(("0xc0", "0xac3")), "", "Ampere Ampere-1"),
        (arm(("0x41", "0xfff")), "", "ARM part 0xfff"),
        (arm(("0x99", "0x001")), "", "maker 0x99 part 0x001"),
        ("processor : 0\nisa : rv64imafdc\n", "StarFive VisionFive V2\0", "StarFive VisionFive V2"),
        ("processor : 0\n", "", None),
    ],
)
def test_a_processor_is_named_by_its_own_words_or_its_numbers(
    tmp_path: Path, cpuinfo: str, board: str, name: str | None
) -> None:
    write(tmp_path, "proc/cpuinfo", cpuinfo)
    if board:
        write(tmp_path, "proc/device-tree/model", board)
    assert processor_name(tmp_path) == name


def test_a_machine_has_a_name_for_its_processor_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "proc/cpuinfo", arm(("0x41", "0xd4f")))
    assert facts.observe(tmp_path).cpu == "ARM Neoverse-V2"
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts.observe(tmp_path / "nowhere").cpu.startswith("unknown: ")
