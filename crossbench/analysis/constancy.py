"""Whether the machine stayed as it was: its settings, read before each worker and at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crossbench.analysis.integrity import UNREAD, Check
from crossbench.analysis.sitting import Sitting
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.reading import Reading

END = "the end"


def constancy(machine: Machine, found: Iterable[Sitting]) -> Check:
    """`machine` is as it was when the run was planned."""
    first, seen, told = dict(settings(machine)), 0, list[str]()
    now = dict(first)
    for before, later in _seen(found):
        seen += 1
        for name, value in settings(later):
            if value != now.get(name, value):
                told.append(f"{name}: {now[name]}, then {value} from {before} on")
            now[name] = value
    same = f"{len(first)} settings stayed as they were, read {seen} times"
    return Check(
        rule="machine-changed",
        origin="setting",
        subject="machine",
        found=bool(told) if seen else None,
        evidence="; ".join(told) or (same if seen else UNREAD),
    )


def _seen(found: Iterable[Sitting]) -> Iterator[tuple[str, Machine]]:
    """What was seen, each with the launch that came next."""
    for sitting in found:
        for event in sitting.seen:
            later = (each for each in sitting.watched if each.at_ns > event.at_ns and each.launch)
            launch = next((each.launch for each in later if each.launch), END)
            if event.machine.value is not None:
                yield launch, event.machine.value


def settings(machine: Machine) -> Iterator[tuple[str, str]]:
    """What a result depends on and nobody changes by measuring: name and value, where known."""
    host, apple, nvidia = machine.host.value, machine.apple.value, machine.nvidia.value
    facts: dict[str, Reading[Any]] = {}
    if host:
        facts |= {"clock governor": host.governors, "on battery": host.on_battery}
    if apple:
        facts |= {
            "low-power mode": apple.low_power_mode,
            "wired limit": apple.wired_limit_bytes,
            "heat": apple.thermal_warning,
        }
    if nvidia:
        facts["NVIDIA driver"] = nvidia.driver
        for place, gpu in enumerate(nvidia.devices):
            facts |= {f"{name} of GPU {place}": fact for name, fact in _of_card(gpu).items()}
    for name, fact in facts.items():
        if fact.value is not None:
            yield name, _words(fact.value)


def _of_card(gpu: NvidiaDevice) -> Mapping[str, Reading[Any]]:
    return {
        "name": Reading(gpu.name),
        "power limit in W": gpu.power.limit_w,
        "PCIe lanes": gpu.pcie.width,
        "ECC": gpu.ecc,
        "compute mode": gpu.compute_mode,
        "persistence": gpu.persistence,
    }


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
