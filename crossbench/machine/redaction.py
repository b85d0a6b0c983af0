"""A machine without what tells it from its like: for what is published.

A `Machine` never holds the name of host or user, a path, or a serial number. What is left to take
away are the UUIDs of its devices and the names of programs that others run on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.reading import Reading
from crossbench.redaction.names import here, sorted_out
from crossbench.redaction.private import Private

WITHHELD = "withheld"
UUID = re.compile(r"GPU-[0-9a-f-]{8,}", re.IGNORECASE)


def redacted(machine: Machine) -> Machine:
    """The same machine as it may be shown to anybody."""
    return _with(
        without_programs(machine), lambda device: replace(device, uuid=Reading(reason=WITHHELD))
    )


def without_programs(machine: Machine) -> Machine:
    """The same machine without the names of what others run on its devices."""
    return _with(machine, _unoccupied)


def scrubbed(text: str) -> str:
    """A sentence without paths, serials, and the names of this host and its user."""
    named = sorted_out(here())
    return Private(named.names, homes=named.homes).text(text)


def aliases(machine: Machine) -> dict[str, str]:
    """UUID of each device -> what is said instead."""
    return {
        gpu.uuid.value: f"GPU {place}" for place, gpu in enumerate(machine.gpus) if gpu.uuid.value
    }


def _with(machine: Machine, change: Callable[[NvidiaDevice], NvidiaDevice]) -> Machine:
    cards = machine.nvidia.value
    if cards is None:
        return machine
    shown = replace(cards, devices=tuple(map(change, cards.devices)))
    return replace(machine, nvidia=Reading(shown))


def _unoccupied(device: NvidiaDevice) -> NvidiaDevice:
    if device.occupants.value is None:
        return device
    unnamed = (replace(each, program=Reading(reason=WITHHELD)) for each in device.occupants.value)
    return replace(device, occupants=Reading(tuple(unnamed)))
