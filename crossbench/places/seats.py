"""Who of a launch sits where on this machine: its replicas, and the background beside a cell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from crossbench.machine.model import Machine
from crossbench.machine.visible import VARIABLE
from crossbench.places.placement import Place, Room, background_place, places
from crossbench.places.processors import usable
from crossbench.plan.model import Launch, Plan
from crossbench.suite.model import Background, Scenario, Target
from crossbench.suite.tables.target import TargetNeeds


def room(machine: Machine, environ: Mapping[str, str] = os.environ) -> Room:
    """What this process may hand on: the processors it may use, and the CUDA devices it sees."""
    named = environ.get(VARIABLE)
    if named is None:
        named = ",".join(map(str, range(len(machine.cuda_devices))))
    return Room(cores=usable(), cuda=tuple(filter(None, map(str.strip, named.split(",")))))


def seats(plan: Plan, launch: Launch) -> tuple[tuple[Place, ...], Room]:
    """A place for each worker of a launch, and what is left for backgrounds. Raises Crowded.

    A scoring launch is one worker, in the place of the first replica.
    """
    whole = room(plan.machine)
    target = _target(plan, launch.target)
    backgrounds = [item.background for item in _scenarios(plan, launch) if item.background]
    given, left = places(target.needs, target.replicas, whole, beside=_largest(backgrounds))
    return (given[:1] if launch.purpose == "scoring" else given), left


def seat_beside(background: Background, replicas: Sequence[Place], left: Room) -> Place:
    """A place for a background in what the replicas left. Raises Crowded."""
    return background_place(background.needs, left, held=any(place.cpus for place in replicas))


def _target(plan: Plan, name: str) -> Target:
    return next(target for target in plan.suite.targets if target.name == name)


def _scenarios(plan: Plan, launch: Launch) -> list[Scenario]:
    return [item for item in plan.suite.scenarios if item.name in launch.scenarios]


def _largest(backgrounds: Sequence[Background]) -> TargetNeeds | None:
    """What the one that needs most takes: of one launch, only one works at a time."""
    if not backgrounds:
        return None
    return TargetNeeds(
        cuda=max(each.needs.cuda for each in backgrounds),
        cpus=max(each.needs.cpus for each in backgrounds),
    )
