"""How cards are used and set, where a measurement would show it and nobody would see it."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.lint.condition import Condition, of_each_card, of_gpus
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.nvml import NO_DRIVER
from crossbench.machine.reading import UNRECORDED
from crossbench.report.words import counted, size

BUSY_PERCENT = 5
DESKTOP_BYTES = 2**30
"""What a desktop may hold of a card."""


@of_each_card(
    "gpu-busy",
    "unfair",
    "end what runs there (crossbench doctor names it), or take other cards by CUDA_VISIBLE_DEVICES",
)
def busy(gpu: NvidiaDevice) -> str | None:
    """Cards that others compute on, or hold memory of."""
    return ", ".join(_business(gpu))


def _business(gpu: NvidiaDevice) -> Iterator[str]:
    occupants = gpu.occupants.value or ()
    computing = [each for each in occupants if each.kind == "compute"]
    if computing:
        yield f"{counted(len(computing), 'process')} of others on it"
    percent = gpu.busy_percent.value
    if percent is not None and percent > BUSY_PERCENT:
        yield f"{percent} % busy"
    used = gpu.memory_used_bytes.value
    if used is not None and used > DESKTOP_BYTES:
        yield f"{size(used)} of its memory in use"


def lost(machine: Machine) -> Iterator[Condition]:
    """Cards that the driver counts and cannot open."""
    cards = machine.nvidia.value
    yield from of_gpus(
        "gpu-lost",
        "risk",
        list(cards.lost) if cards else [],
        "sudo dmesg says more; start the machine again, and look at power and slot if it returns",
    )


@of_each_card("gpu-held-back", "risk", "let it cool, and look at its cables, fans and limits")
def held_back(gpu: NvidiaDevice) -> str | None:
    """Cards whose clocks something holds down before anything runs."""
    return ", ".join(gpu.held_back.value or ())


@of_each_card(
    "power-limit",
    "note",
    "say it with the numbers, or set the default again by sudo nvidia-smi -pl",
)
def power_limit(gpu: NvidiaDevice) -> str | None:
    """Limits that someone has changed: a result is then of this limit, not of the card."""
    limit, default = gpu.power.limit_w.value, gpu.power.default_w.value
    if limit and default and limit != default:
        return f"{limit:g} W, by default {default:g} W"
    return None


@of_each_card(
    "clocks-set",
    "note",
    "say it with the numbers, or give them back to the card by sudo nvidia-smi -rac and -rgc",
)
def clocks_set(gpu: NvidiaDevice) -> str | None:
    """Clocks that someone has set: a result is then of these clocks, not of the card."""
    return ", ".join(gpu.clocks_set.value or ())


@of_each_card(
    "ecc-on",
    "note",
    "say it with the numbers, or turn it off by sudo nvidia-smi -e 0 and start the machine "
    "again: on such cards it takes some of their memory and of its bandwidth",
)
def ecc(gpu: NvidiaDevice) -> str | None:
    """Error correction that a card without memory of its own for it pays for."""
    return "on" if gpu.ecc.value and "RTX" in gpu.name else None


def driver_silent(machine: Machine) -> Iterator[Condition]:
    """A driver that is there and does not answer."""
    reason = machine.nvidia.reason
    if reason is not None and reason not in (NO_DRIVER, UNRECORDED):
        yield Condition(
            rule="driver-silent",
            severity="risk",
            scope="gpus",
            evidence=reason,
            fix="sudo dmesg may say why; load the driver by sudo modprobe nvidia, or start the "
            "machine again",
        )


@of_each_card("compute-mode", "risk", "sudo nvidia-smi -c DEFAULT lets processes share it")
def compute_mode(gpu: NvidiaDevice) -> str | None:
    """Modes by which a second process, such as a rank's, is turned away."""
    mode = gpu.compute_mode.value
    return None if mode == "default" else mode


@of_each_card(
    "gpu-persistence",
    "note",
    "sudo nvidia-smi -pm 1 keeps the driver loaded between launches",
)
def persistence(gpu: NvidiaDevice) -> str | None:
    """Drivers that go whenever the last process does, so that each launch starts them anew."""
    return "off" if gpu.persistence.value is False and gpu.occupants.value == () else None
