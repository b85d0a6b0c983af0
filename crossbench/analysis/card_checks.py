"""What happened to the GPUs of a target while it was timed, by what was read of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from crossbench.analysis.check import Check
from crossbench.analysis.timed import Timed
from crossbench.machine.nvidia import CLOCKS_SET, HELD_BACK
from crossbench.machine.pressure import NOMINAL, named
from crossbench.machine.published import published
from crossbench.report.words import number

GB = 1e9
PROBE = "nvml"
PRESSURE = ("host", "thermal_pressure")
UNREADABLE = "clocks are read of NVIDIA's and Apple's GPUs only"


def card_checks(timed: Timed) -> Iterator[Check]:
    """Of a target that uses GPUs."""
    if timed.gpus:
        yield _throttled(timed)
        yield _clocks_set(timed)
        yield _links(timed)
    elif timed.machine.apple.value is not None:
        yield _pressure(timed)
    else:
        yield Check(
            rule="throttled",
            origin="machine",
            subject=timed.target,
            found=None,
            evidence=timed.machine.nvidia.reason or UNREADABLE,
        )


def _throttled(timed: Timed) -> Check:
    """Clocks held back by heat or power."""
    found, evidence = _reasons(timed, HELD_BACK)
    return Check(
        rule="throttled", origin="machine", subject=timed.target, found=found, evidence=evidence
    )


def _clocks_set(timed: Timed) -> Check:
    """Clocks that somebody has set below what the card would choose."""
    found, evidence = _reasons(timed, CLOCKS_SET)
    return Check(
        rule="clocks-set", origin="setting", subject=timed.target, found=found, evidence=evidence
    )


def _reasons(timed: Timed, words: Mapping[int, str]) -> tuple[bool | None, str]:
    """Whether any of these bits was read of any card, and in how many readings each."""
    told, found = [], False
    for name, (uuid, _) in timed.gpus.items():
        bits = [int(each) for each in timed.read(uuid, "clock_reasons")]
        if bits:
            counts = Counter(word for each in bits for bit, word in words.items() if each & bit)
            told.append(f"{name}: {_shares(counts, len(bits))}")
            found = found or bool(counts)
    if told:
        return found, "; ".join(told)
    return None, timed.unread(PROBE, *((uuid, "clock_reasons") for uuid, _ in timed.gpus.values()))


def _shares(counts: Mapping[str, int], whole: int) -> str:
    shares = [f"{word} in {count} of {whole}" for word, count in counts.items()]
    return f"{', '.join(shares) or f'nothing in {whole}'} readings"


def _pressure(timed: Timed) -> Check:
    """Thermal pressure of a Mac: whatever is more than nominal."""
    levels = [named(int(each)) for each in timed.read(*PRESSURE)]
    counts = Counter(level for level in levels if level != NOMINAL)
    told = f"thermal pressure: {_shares(counts, len(levels))}"
    return Check(
        rule="throttled",
        origin="machine",
        subject=timed.target,
        found=bool(counts) if levels else None,
        evidence=told if levels else timed.unread("pressure", PRESSURE),
    )


def _links(timed: Timed) -> Check:
    """PCIe links that even under load stay below what card and slot have."""
    told, found = [], False
    for name, (uuid, gpu) in timed.gpus.items():
        width, speed = _most(timed, uuid, "pcie_width"), _most(timed, uuid, "pcie_generation")
        known = published(gpu.name)
        lanes = (known.lanes if known else None) or gpu.pcie.most_width.value
        most = gpu.pcie.most_generation.value
        if width and speed and lanes and most:
            passed = _passed(timed, uuid)
            told.append(
                f"{name}: x{width:.0f} of x{lanes}, generation {speed:.0f} of {most}{passed}"
            )
            found = found or width < lanes or speed < most
    channels = [(uuid, "pcie_width") for uuid, _ in timed.gpus.values()]
    return Check(
        rule="link-below-maximum",
        origin="setting",
        subject=timed.target,
        found=found if told else None,
        evidence="; ".join(told) or timed.unread(PROBE, *channels),
    )


def _most(timed: Timed, uuid: str, quantity: str) -> float:
    """The most that was read; 0 where nothing was."""
    return max(timed.read(uuid, quantity), default=0.0)


def _passed(timed: Timed, uuid: str) -> str:
    """The most that was read to pass over the bus, where that is told."""
    told = [
        f"{number(max(read) / GB)} GB/s {word} it"
        for word, name in (("to", "pcie_received"), ("from", "pcie_sent"))
        if (read := timed.read(uuid, name))
    ]
    return f", at most {' and '.join(told)}" if told else ""
