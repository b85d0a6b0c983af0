"""What of a plan cannot be measured for want of a place of its own: replicas and backgrounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from crossbench.machine.model import Machine
from crossbench.places.placement import Crowded, Room, background_place, places
from crossbench.plan.model import Exclusion, Launch, NonResult, Plan
from crossbench.plan.selection import Selection
from crossbench.suite.model import Background, Scenario, Target


def room(machine: Machine) -> Room:
    """As far as the machine's facts tell: every processor a core of its own."""
    cpus = range(machine.logical_cores or 0) if machine.platform.startswith("linux") else ()
    return Room(cores=tuple((cpu,) for cpu in cpus), cuda=machine.cuda_devices)


def crowded(target: Target, machine: Machine) -> str | None:
    """What this machine lacks to give each replica of a target a place of its own, or None."""
    try:
        places(target.needs, target.replicas, room(machine))
    except Crowded as lacking:
        many = f"{target.replicas} replicas" if target.replicas > 1 else "it"
        return f"no place for {many}: {lacking}"
    return None


def alone(
    target: Target,
    scenarios: Sequence[Scenario],
    runnable: Collection[str],
    machine: Machine,
    selection: Selection,
) -> Iterator[Exclusion]:
    """The cells of a target whose load leaves replicas idle, or whose background cannot be had.

    `runnable` are the targets that this machine can run.
    """
    for scenario in scenarios:
        found: tuple[NonResult, str] | None = None
        if idle := undivided(target, scenario):
            found = ("unsupported", idle)
        elif scenario.background is not None:
            found = _missing(target, scenario.background, runnable, machine, selection)
        if found is not None:
            word, reason = found
            yield Exclusion(target=target.name, scenario=scenario.name, word=word, reason=reason)


def undivided(target: Target, scenario: Scenario) -> str | None:
    """Why the load of a scenario cannot be divided over a target's replicas, or None.

    One request at a time would leave all replicas but one idle, and so would fewer users than
    replicas; at a rate every replica has its turn.
    """
    load, replicas = scenario.load, target.replicas
    if load is not None and load.rate is not None:
        return None
    users = (load.concurrency or 1) if load is not None else 1
    if users >= replicas:
        return None
    many = "1 request at a time" if users == 1 else f"{users} users"
    return f"{many} cannot keep {replicas} replicas busy; write concurrency = {replicas} or more"


def without_background(plan: Plan, target: str) -> Plan:
    """The plan without the cells of others beside which this target was to work."""
    lost = {
        scenario.name
        for scenario in plan.suite.scenarios
        if scenario.background is not None and scenario.background.target == target
    }
    cells = {
        (launch.target, name)
        for launch in (*plan.burn_in, *plan.launches)
        for name in launch.scenarios
        if name in lost
    }
    return replace(
        plan,
        launches=_without(plan.launches, lost),
        burn_in=_without(plan.burn_in, lost),
        exclusions=(
            *plan.exclusions,
            *(
                Exclusion(target=other, scenario=name, word="unavailable", reason=_gone(target))
                for other, name in sorted(cells)
            ),
        ),
    )


def _without(launches: Sequence[Launch], lost: Collection[str]) -> tuple[Launch, ...]:
    kept = (
        replace(launch, scenarios=tuple(name for name in launch.scenarios if name not in lost))
        for launch in launches
    )
    return tuple(launch for launch in kept if launch.scenarios)


def _gone(target: str) -> str:
    return f"its background {target} is itself left out"


def _missing(
    target: Target,
    background: Background,
    runnable: Collection[str],
    machine: Machine,
    selection: Selection,
) -> tuple[NonResult, str] | None:
    if background.command and not selection.trust:
        told = f"its background is a command ({background.words}), which is used only with --trust"
        return "skipped", told
    if background.target is not None and background.target not in runnable:
        return "unavailable", _gone(background.target)
    try:
        given, left = places(target.needs, target.replicas, room(machine), beside=background.needs)
        background_place(background.needs, left, held=bool(given[0].cpus))
    except Crowded as lacking:
        return "unavailable", f"no place for its background beside it: {lacking}"
    return None
