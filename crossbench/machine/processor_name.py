"""The name of this machine's processor.

An x86 processor tells its own. ARM's tell who made them and a number, which Linux does not put into
words; the numbers are those of arch/arm64/include/asm/cputype.h of the kernel.
"""

from __future__ import annotations

import re
from pathlib import Path

MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
ARM = re.compile(r"^CPU (implementer|part)\s*:\s*(0x[0-9a-fA-F]+)$", re.MULTILINE)
MAKERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x6D: "Microsoft",
    0xC0: "Ampere",
}
PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD48): "Cortex-X2",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD82): "Cortex-X4",
    (0x41, 0xD84): "Neoverse-V3",
    (0x41, 0xD85): "Cortex-X925",
    (0x41, 0xD87): "Cortex-A725",
    (0x41, 0xD8E): "Neoverse-N3",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1A",
}


def processor_name(root: Path) -> str | None:
    """As Linux tells it, such as "ARM Neoverse-N1" or "ARM Cortex-A78AE (Jetson AGX Orin)".

    None where it does not; `root` holds `proc`.
    """
    cpuinfo = _text(root / "proc/cpuinfo")
    if found := MODEL.search(cpuinfo):
        return found[1].strip()
    cores = list(dict.fromkeys(_cores(cpuinfo)))
    board = _text(root / "proc/device-tree/model").strip("\0 \n")
    if not cores:
        return board or None
    return ", ".join(cores) + (f" ({board})" if board else "")


def _cores(cpuinfo: str) -> list[str]:
    """Kinds of core in the order of the processors; the part follows its maker."""
    found, maker = [], 0
    for key, number in ARM.findall(cpuinfo):
        if key == "implementer":
            maker = int(number, 16)
            continue
        made = MAKERS.get(maker, f"maker {maker:#x}")
        found.append(f"{made} {PARTS.get((maker, int(number, 16)), f'part {number}')}")
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
