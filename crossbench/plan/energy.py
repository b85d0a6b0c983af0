"""Phases that are repeated alone for their energy: of which scenarios, and how long it takes."""

from __future__ import annotations

from crossbench.machine.model import Machine
from crossbench.plan.model import Launch, Plan
from crossbench.plan.time import Span
from crossbench.suite.model import Scenario

FILL_S = 11.0
"""What the repeats of a phase take: a window of energy counts from 10 s on."""
PHASES = 2


def repeated(plan: Plan, launch: Launch) -> list[Scenario]:
    """Scenarios of a launch whose phases are repeated, where they turn out to be short.

    One request has phases of its own only where nothing runs beside it.
    """
    target = next(each for each in plan.suite.targets if each.name == launch.target)
    if not plan.suite.protocol.energy or launch.purpose != "timed" or target.replicas > 1:
        return []
    every = [plan.scenario(name) for name in launch.scenarios]
    return [each for each in every if each.load is None and each.background is None]


def energy_span(plan: Plan, launch: Launch) -> Span:
    """How long that takes, nothing where all phases are long, or no energy is told."""
    if not _told(plan.machine):
        return Span()
    return Span(0.0, FILL_S * PHASES * len(repeated(plan, launch)))


def _told(machine: Machine) -> bool:
    """Whether something here may tell energy."""
    host = machine.host.value
    return bool(machine.gpus or machine.apple.value or (host and host.energy.value))
