"""What a machine is doing, or set to, that a measurement would show and nobody would see.

`crossbench doctor` tells all of it, a plan what concerns its targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crossbench.lint import card_paths
from crossbench.lint.condition import Condition, of_gpus
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.nvml import NO_DRIVER
from crossbench.machine.reading import UNRECORDED
from crossbench.report.words import counted, size

MIB = 2**20
BUSY_PERCENT = 5
DESKTOP_BYTES = 1024 * MIB
"""What a desktop may hold of a card."""
SWAPPED_BYTES = 256 * MIB
FAST_GOVERNORS = frozenset({"performance", "schedutil"})


def conditions(machine: Machine) -> Iterator[Condition]:
    """All that is found."""
    for rule in RULES:
        yield from rule(machine)


def gpu_busy(machine: Machine) -> Iterator[Condition]:
    """Cards that others compute on, or hold memory of."""
    yield from of_gpus(
        "gpu-busy",
        "unfair",
        [
            f"GPU {place}: {', '.join(busy)}"
            for place, gpu in enumerate(machine.gpus)
            if (busy := list(_busy(gpu)))
        ],
        "end what runs there (crossbench doctor names it), or take other cards by "
        "CUDA_VISIBLE_DEVICES",
    )


def _busy(gpu: NvidiaDevice) -> Iterator[str]:
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


def gpu_lost(machine: Machine) -> Iterator[Condition]:
    """Cards that the driver counts and cannot open."""
    cards = machine.nvidia.value
    yield from of_gpus(
        "gpu-lost",
        "risk",
        list(cards.lost) if cards else [],
        "sudo dmesg says more; start the machine again, and look at power and slot if it returns",
    )


def gpu_held_back(machine: Machine) -> Iterator[Condition]:
    """Cards whose clocks something holds down before anything runs."""
    yield from of_gpus(
        "gpu-held-back",
        "risk",
        [
            f"GPU {place}: {', '.join(gpu.held_back.value)}"
            for place, gpu in enumerate(machine.gpus)
            if gpu.held_back.value
        ],
        "let it cool, and look at its cables, fans and limits",
    )


def power_limit(machine: Machine) -> Iterator[Condition]:
    """Limits that someone has changed: a result is then of this limit, not of the card."""
    yield from of_gpus(
        "power-limit",
        "note",
        [
            f"GPU {place}: {limit:g} W, by default {default:g} W"
            for place, gpu in enumerate(machine.gpus)
            if (limit := gpu.power.limit_w.value) and (default := gpu.power.default_w.value)
            if limit != default
        ],
        "say it with the numbers, or set the default again by sudo nvidia-smi -pl",
    )


def ecc(machine: Machine) -> Iterator[Condition]:
    """Error correction that a card without memory of its own for it pays for."""
    yield from of_gpus(
        "ecc-on",
        "note",
        [
            f"GPU {place}: on"
            for place, gpu in enumerate(machine.gpus)
            if gpu.ecc.value and "RTX" in gpu.name
        ],
        "say it with the numbers, or turn it off by sudo nvidia-smi -e 0 and start the machine "
        "again: on such cards it takes some of their memory and of its bandwidth",
    )


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


def compute_mode(machine: Machine) -> Iterator[Condition]:
    """Modes by which a second process, such as a rank's, is turned away."""
    yield from of_gpus(
        "compute-mode",
        "risk",
        [
            f"GPU {place}: {mode}"
            for place, gpu in enumerate(machine.gpus)
            if (mode := gpu.compute_mode.value) not in (None, "default")
        ],
        "sudo nvidia-smi -c DEFAULT lets processes share it",
    )


def persistence(machine: Machine) -> Iterator[Condition]:
    """Drivers that go whenever the last process does, so that each launch starts them anew."""
    yield from of_gpus(
        "gpu-persistence",
        "note",
        [
            f"GPU {place}: off"
            for place, gpu in enumerate(machine.gpus)
            if gpu.persistence.value is False and gpu.occupants.value == ()
        ],
        "sudo nvidia-smi -pm 1 keeps the driver loaded between launches",
    )


def governor(machine: Machine) -> Iterator[Condition]:
    """Processors whose clocks rise only after some work has come."""
    host = machine.host.value
    found = (host.governors.value or ()) if host else ()
    if slow := [each for each in found if each not in FAST_GOVERNORS]:
        yield Condition(
            rule="cpu-governor",
            severity="note",
            scope="machine",
            evidence=f"the clock governor of some cores is {', '.join(slow)}",
            fix="sudo cpupower frequency-set -g performance, for as long as you measure",
        )


def energy_hidden(machine: Machine) -> Iterator[Condition]:
    """Processors whose energy would be told, if one were let."""
    host = machine.host.value
    if host and host.energy.value is False:
        yield Condition(
            rule="energy-hidden",
            severity="note",
            scope="doctor",
            evidence="the kernel lets only root read the energy of processors",
            fix="sudo chmod o+r /sys/class/powercap/intel-rapl:*/energy_uj, until it starts again",
        )


def low_power(machine: Machine) -> Iterator[Condition]:
    """Machines that save energy."""
    if told := list(_saving(machine)):
        yield Condition(
            rule="low-power",
            severity="unfair",
            scope="machine",
            evidence=", ".join(told),
            fix="plug it in, turn low-power mode off, let it cool",
        )


def _saving(machine: Machine) -> Iterator[str]:
    apple, host = machine.apple.value, machine.host.value
    if apple and apple.low_power_mode.value:
        yield "low-power mode is on"
    if apple and apple.thermal_warning.value not in (None, "none"):
        yield f"macOS holds it back for heat ({apple.thermal_warning.value})"
    if (apple and apple.on_battery.value) or (host and host.on_battery.value):
        yield "it runs on its battery"


def swapped(machine: Machine) -> Iterator[Condition]:
    """Machines that have pushed something out of memory already."""
    host = machine.host.value
    if host and host.swap_used_bytes > SWAPPED_BYTES:
        yield Condition(
            rule="swap-used",
            severity="note",
            scope="machine",
            evidence=f"{size(host.swap_used_bytes)} are swapped out before anything is loaded",
            fix="end what fills the memory",
        )


RULES: tuple[Callable[[Machine], Iterable[Condition]], ...] = (
    gpu_busy,
    gpu_lost,
    gpu_held_back,
    power_limit,
    card_paths.narrow_link,
    card_paths.peer_to_peer,
    card_paths.nvlink,
    card_paths.resizable_bar,
    card_paths.numa,
    ecc,
    driver_silent,
    compute_mode,
    persistence,
    governor,
    energy_hidden,
    low_power,
    swapped,
)
