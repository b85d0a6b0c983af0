"""Whether the machine stayed as it was: its settings, read before each worker and at the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from crossbench.analysis.check import Check
from crossbench.analysis.looks import looks
from crossbench.analysis.sitting import Sitting
from crossbench.analysis.unread import UNREAD
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.reading import Reading
from crossbench.report.words import counted

END = "the end"
MANY = 3
"""More launches than these are counted, not named."""


def constancy(
    machine: Machine,
    found: Sequence[Sitting],
    launches: Collection[str] = (),
    absent: str | None = None,
) -> Check:
    """`machine` is as it was when the run was planned, `launches` are all workers, in order.

    `absent` is why nothing was read, None where something was.
    """
    first, seen, told = dict(settings(machine)), list[str](), list[str]()
    now = dict(first)
    for look in looks(found):
        if look.machine.value is None:
            continue
        seen.append(look.launch or END)
        for name, value in settings(look.machine.value):
            if value != now.get(name, value):
                told.append(f"{name}: {now[name]}, then {value} from {seen[-1]} on")
            now[name] = value
    stayed = "setting stayed as it was" if len(first) == 1 else "settings stayed as they were"
    same = f"{len(first)} {stayed}, read {counted(len(seen), 'time')}"
    evidence = told or ([same] if seen else [absent or UNREAD])
    missed = [launch for launch in launches if launch not in seen] if seen else []
    return Check(
        rule="machine-changed",
        origin="setting",
        subject="machine",
        found=bool(told) if seen else None,
        evidence="; ".join([*evidence, *_missed(missed)]),
    )


def _missed(launches: Sequence[str]) -> Iterator[str]:
    """Before which workers nobody could look: the probes had stopped, or were slow to answer."""
    if launches:
        named = ", ".join(launches[:MANY])
        more = f" and {len(launches) - MANY} more" if len(launches) > MANY else ""
        yield f"not read in time before {named}{more}"


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
