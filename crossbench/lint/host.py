"""How the host itself is set, where a measurement would show it and nobody would see it."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.lint.condition import Condition
from crossbench.machine.model import Machine
from crossbench.report.words import size

SWAPPED_BYTES = 256 * 2**20
FAST_GOVERNORS = frozenset({"performance", "schedutil"})


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
    if apple and apple.thermal_pressure.value not in (None, "nominal"):
        yield f"its thermal pressure is {apple.thermal_pressure.value}"
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
