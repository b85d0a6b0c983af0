"""Reading Apple silicon by the system's own programs: sysctl, pmset and system_profiler.

No Mac has run this; what the programs print is taken from their manual pages and from outputs that
others have published.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from crossbench.machine import pressure
from crossbench.machine.apple_model import Apple
from crossbench.machine.reading import Reading
from crossbench.machine.said import said_by

T = TypeVar("T")
MIB = 2**20
UNHINDERED = "none"
FULL_SPEED = 100
LIMIT = re.compile(r"(CPU_Speed_Limit|CPU_Scheduler_Limit)\s*=\s*(\d+)")
LEVEL = re.compile(r"(thermal|performance) warning level (?:set to|of|:)?\s*(\d+)", re.IGNORECASE)


def observe() -> Apple:
    """The Mac as it is now."""
    settings, power = said_by("pmset", "-g"), said_by("pmset", "-g", "batt")
    return Apple(
        chip=_sysctl("machdep.cpu.brand_string", str),
        performance_cores=_sysctl("hw.perflevel0.physicalcpu", int),
        efficiency_cores=_sysctl("hw.perflevel1.physicalcpu", int),
        gpu_cores=_gpu_cores(),
        wired_limit_bytes=_sysctl("iogpu.wired_limit_mb", lambda mib: int(mib) * MIB),
        low_power_mode=_found(r"\blowpowermode\s+(\d)", settings, "pmset -g", lambda on: on != "0"),
        thermal_warning=_thermal_warning(),
        thermal_pressure=_thermal_pressure(),
        on_battery=_found(
            r"drawing from '([^']+)'", power, "pmset -g batt", lambda source: source != "AC Power"
        ),
    )


def _sysctl(name: str, kind: Callable[[str], T]) -> Reading[T]:
    said = said_by("sysctl", "-n", name)
    try:
        return Reading(kind(said)) if said else Reading(reason=f"sysctl knows no {name}")
    except ValueError:
        return Reading(reason=f"sysctl {name} says {said!r}")


def _found(pattern: str, text: str, program: str, kind: Callable[[str], T]) -> Reading[T]:
    match = re.search(pattern, text)
    return Reading(kind(match[1])) if match else Reading(reason=f"{program} does not tell it")


def _gpu_cores() -> Reading[int]:
    said = said_by("system_profiler", "-json", "SPDisplaysDataType")
    try:
        displays: Any = msgspec.json.decode(said)
        cores = [each["sppci_cores"] for each in displays["SPDisplaysDataType"]]
        return Reading(int(cores[0]))
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return Reading(reason="system_profiler SPDisplaysDataType does not tell it")


def _thermal_warning() -> Reading[str]:
    """By `pmset -g therm`, which says of each limit its value or that none has been recorded.

    The latter is no word of how hot it is: a Mac may be held back and have recorded nothing.
    """
    said = said_by("pmset", "-g", "therm")
    if not said:
        return Reading(reason="pmset -g therm says nothing")
    limits, levels = LIMIT.findall(said), LEVEL.findall(said)
    if not limits and not levels:
        return Reading(reason="pmset -g therm has recorded neither a limit nor a warning")
    slowed = [f"{name} {value} %" for name, value in limits if int(value) < FULL_SPEED]
    warned = [f"{kind.lower()} warning level {level}" for kind, level in levels if level != "0"]
    return Reading(", ".join([*slowed, *warned]) or UNHINDERED)


def _thermal_pressure() -> Reading[str]:
    try:
        return Reading(pressure.now())
    except pressure.Untold as untold:
        return Reading(reason=str(untold))
