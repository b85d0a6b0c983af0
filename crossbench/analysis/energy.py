"""Energy: joules per prompt token and per output token, by scope, gross and net of idling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from crossbench.analysis import device, joules
from crossbench.analysis.energy_windows import Phase, Window, windows
from crossbench.analysis.joules import Energy
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.served import courses
from crossbench.analysis.sitting import Sitting, Stay
from crossbench.api import EnergyScope
from crossbench.machine.model import Machine


class EnergyUse(Struct, frozen=True, kw_only=True):
    """One cell's energy in one scope. Scopes hold different things: they are never ranked."""

    target: str
    scenario: str
    scope: EnergyScope
    devices: tuple[str, ...]
    """What was summed."""
    metrics: tuple[Metric, ...]
    """Joules per token, each gross, and net of what the same devices took while nothing ran."""
    repeated: tuple[Phase, ...] = ()
    """Phases that were repeated alone, after all that was timed, until they filled a window."""


METRICS: Mapping[Phase, str] = {
    "prefill": "prompt_token",
    "decode": "output_token",
    "requests": "output_token_of_requests",
}
"""Phase -> the token its joules are divided by; of whole requests, prefill is part of the cost."""


def energies(
    machine: Machine,
    measured: Measurements,
    watched: Mapping[str, Stay],
    names: Mapping[str, str],
) -> Iterator[EnergyUse]:
    """Every cell in every scope that some probe tells of."""
    sittings = list({id(stay.sitting): stay.sitting for stay in watched.values()}.values())
    scopes = joules.scopes(sittings)
    served = courses(measured.cells) if scopes else {}
    for (target, scenario), cell in measured.cells.items():
        for scope in scopes:
            devices = _devices(machine, measured, target, scope, sittings)
            if devices is not None and cell.valid:
                course = served[target, scenario]
                found = {phase: windows(phase, cell, watched, course) for phase in METRICS}
                yield EnergyUse(
                    target=target,
                    scenario=scenario,
                    scope=scope,
                    devices=tuple(names.get(each, each) for each in devices),
                    metrics=tuple(_metrics(found, scope, devices)),
                    repeated=tuple(
                        phase
                        for phase, (times, _) in found.items()
                        if any(each.alone for each in times)
                    ),
                )


def _devices(
    machine: Machine,
    measured: Measurements,
    target: str,
    scope: EnergyScope,
    sittings: Iterable[Sitting],
) -> tuple[str, ...] | None:
    """What must tell energy for that target; None where the scope is not one of its own."""
    if scope != "gpu_board":
        told = (each for sitting in sittings for each in joules.of_scope(sitting, scope))
        return tuple(dict.fromkeys(told))
    launches = measured.launches_of(target)
    loaded = measured.ready[launches[0]].loaded if launches else None
    if loaded is None or not any(each.kind == "gpu" for each in loaded.devices):
        return None
    places = device.gpus(machine, loaded.devices) or ()
    return tuple(machine.gpus[place].uuid.value or "" for place in places)


def _metrics(
    phases: Mapping[Phase, tuple[Sequence[Window], Sequence[str]]],
    scope: EnergyScope,
    devices: Sequence[str],
) -> Iterator[Metric]:
    for phase, (times, reasons) in phases.items():
        token = METRICS[phase]
        found = [
            (each, joules.energy(each.stay.sitting, scope, devices, each.begin_ns, each.end_ns))
            for each in times
        ]
        yield _metric(f"{token}_j", found, reasons, lambda _, energy: energy)
        yield _metric(
            f"{token}_net_j",
            found,
            reasons,
            lambda window, energy: _net(energy, joules.idle(window.stay.sitting, scope, devices)),
        )


def _net(gross: Energy, idle: Energy) -> Energy:
    """Less what idling for as long would have taken."""
    if gross.joules is None or idle.joules is None:
        return joules.withheld(*gross.reasons, *idle.reasons)
    spent = gross.joules - idle.joules / idle.seconds * gross.seconds
    return Energy(joules=spent, seconds=gross.seconds)


def _metric(
    name: str,
    found: Sequence[tuple[Window, Energy]],
    reasons: Sequence[str],
    taken: Callable[[Window, Energy], Energy],
) -> Metric:
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    told = dict.fromkeys(reasons)
    for window, gross in found:
        energy = taken(window, gross)
        if energy.joules is None:
            told |= dict.fromkeys(energy.reasons)
        else:
            sums[window.launch][0] += energy.joules
            sums[window.launch][1] += window.tokens
    return summarised(
        name,
        "J",
        launches={launch: spent / tokens for launch, (spent, tokens) in sums.items()},
        reasons=list(told),
    )
