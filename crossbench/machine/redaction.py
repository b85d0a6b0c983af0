"""A machine without what tells it from its like: for what is published.

A `Machine` never holds the name of host or user, a path, or a serial number. What is left to take
away are the UUIDs of its devices and the names of programs that others run on them.
"""

from __future__ import annotations

import getpass
import platform
import re
from pathlib import PurePosixPath
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import Nvidia, NvidiaDevice, Occupant
from crossbench.machine.reading import Reading

T = TypeVar("T", bound=msgspec.Struct)
WITHHELD = "withheld"
PATH = re.compile(r"(?<![\w./])~?(?:/[^\s/'\",;:()]+)+/?")
UUID = re.compile(r"GPU-[0-9a-f-]{8,}", re.IGNORECASE)


def redacted(machine: Machine) -> Machine:
    """The same machine as it may be shown to anybody."""
    cards = machine.nvidia
    if cards.value is None:
        return machine
    return replace(machine, nvidia=Reading(_cards(cards.value)))


def impersonal(text: str) -> str:
    """A sentence without paths and UUIDs."""
    return UUID.sub("(UUID)", PATH.sub("(path)", text))


def placeless(word: str) -> str:
    """A word of a command with no more than the last name of each absolute path."""
    return PATH.sub(lambda found: f"PATH/{PurePosixPath(found[0]).name}", word)


def scrubbed(text: str) -> str:
    """A sentence without paths, UUIDs, and the names of this host and its user."""
    text = impersonal(text)
    for name, word in ((platform.node(), "(host)"), (getpass.getuser(), "(user)")):
        if name:
            text = re.sub(rf"\b{re.escape(name)}\b", word, text)
    return text


def anonymous(told: T, machine: Machine) -> T:
    """The same struct with "GPU 0" wherever it named the machine's first device by its UUID.

    `machine` is the one that still has its UUIDs.
    """
    names = aliases(machine)
    if not names:
        return told
    text = msgspec.json.encode(told)
    for uuid, name in names.items():
        text = text.replace(uuid.encode(), name.encode())
    return msgspec.json.decode(text, type=type(told))


def aliases(machine: Machine) -> dict[str, str]:
    """UUID of each device -> what is said instead."""
    return {
        gpu.uuid.value: f"GPU {place}" for place, gpu in enumerate(machine.gpus) if gpu.uuid.value
    }


def _cards(nvidia: Nvidia) -> Nvidia:
    return replace(nvidia, devices=tuple(_card(device) for device in nvidia.devices))


def _card(device: NvidiaDevice) -> NvidiaDevice:
    occupants = device.occupants
    if occupants.value is not None:
        occupants = Reading(tuple(_occupant(each) for each in occupants.value))
    return replace(device, uuid=Reading(reason=WITHHELD), occupants=occupants)


def _occupant(occupant: Occupant) -> Occupant:
    return replace(occupant, program=Reading(reason=WITHHELD))
