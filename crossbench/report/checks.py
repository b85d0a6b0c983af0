"""The integrity panel as data: how the machine was set up, and what happened while it ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crossbench.analysis import integrity
from crossbench.analysis.check import Check
from crossbench.analysis.constancy import constancy
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.sitting import Sitting, Stay
from crossbench.lint.conditions import conditions
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import Power
from crossbench.machine.reading import Reading

SETTINGS = {
    "power-limit": "each card's power limit is its default",
    "low-power": "it runs on no battery",
    "cpu-governor": "no governor keeps clocks low",
}
"""Rule of `lint.conditions` -> what holds where it finds nothing."""


def checks(
    machine: Machine,
    measured: Measurements,
    watched: Mapping[str, Stay],
    targets: Mapping[str, Mapping[str, Any]],
    found: Sequence[Sitting],
    absent: str | None = None,
) -> Iterator[Check]:
    """All of it; `machine` is as it was when the run was planned, `targets` have their options.

    `absent` is why nothing was read while it ran, None where something was.
    """
    yield from _settings(machine)
    yield constancy(machine, found, measured.started, absent)
    yield from integrity.checks(machine, measured, watched, targets, found, absent)


def _settings(machine: Machine) -> Iterator[Check]:
    found = {condition.rule: condition.evidence for condition in conditions(machine)}
    for rule in SETTINGS:
        if rule == "power-limit" and not machine.cuda_devices:
            continue
        unknown = _unknown(machine, rule)
        yield Check(
            rule=rule,
            origin="setting",
            subject="machine",
            found=True if rule in found else None if unknown else False,
            evidence=found.get(rule) or unknown or _fine(machine, rule),
        )


def _fine(machine: Machine, rule: str) -> str:
    """What was looked at where nothing is wrong."""
    mac = rule == "low-power" and machine.apple.value is not None
    return f"{SETTINGS[rule]}, and is not in low-power mode" if mac else SETTINGS[rule]


def _unknown(machine: Machine, rule: str) -> str | None:
    """Why nothing can tell, or None where something did."""
    if rule == "power-limit":
        return _reason([limit for gpu in machine.gpus for limit in _limits(gpu.power)])
    host = machine.host.value
    if host is None:
        return machine.host.reason
    if rule == "cpu-governor":
        return _reason([host.governors])
    apple = machine.apple.value
    return _reason([host.on_battery, *([apple.low_power_mode, apple.on_battery] if apple else [])])


def _limits(power: Power) -> tuple[Reading[float], Reading[float]]:
    return power.limit_w, power.default_w


def _reason(readings: Sequence[Reading[Any]]) -> str | None:
    """Of the first that has no value."""
    return next((each.reason or "unknown" for each in readings if each.value is None), None)
