"""Energy: joules per prompt token and per output token, by scope, gross and net of idling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.analysis import device, joules
from crossbench.analysis.joules import WINDOW_S, Energy
from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.samples import Cell, Measurements, Sample
from crossbench.analysis.sitting import Sitting, Stay
from crossbench.api import EnergyScope
from crossbench.machine.model import Machine

Phase: TypeAlias = Literal["prefill", "decode", "requests"]
NS = 1e9
PAUSE_S = 1.0
"""Requests that follow each other sooner are of one row."""
UNPROVEN = "unproven: how much of the prompt was computed is not known"


class EnergyUse(Struct, frozen=True, kw_only=True):
    """One cell's energy in one scope. Scopes hold different things: they are never ranked."""

    target: str
    scenario: str
    scope: EnergyScope
    devices: tuple[str, ...]
    """What was summed."""
    metrics: tuple[Metric, ...]
    """Joules per token, each gross, and net of what the same devices took while nothing ran."""


class _Window(Struct, frozen=True, kw_only=True):
    """A time in which some tokens were made, and nothing else."""

    launch: str
    stay: Stay
    begin_ns: int
    end_ns: int
    tokens: int

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.begin_ns) / NS


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
    for (target, scenario), cell in measured.cells.items():
        for scope in joules.scopes(sittings):
            devices = _devices(machine, measured, target, scope, sittings)
            if devices is not None and cell.valid:
                yield EnergyUse(
                    target=target,
                    scenario=scenario,
                    scope=scope,
                    devices=tuple(names.get(each, each) for each in devices),
                    metrics=tuple(_metrics(cell, watched, scope, devices)),
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
    cell: Cell, watched: Mapping[str, Stay], scope: EnergyScope, devices: Sequence[str]
) -> Iterator[Metric]:
    for phase, token in METRICS.items():
        windows, reasons = _windows(phase, cell.valid, watched)
        found = [
            (each, joules.energy(each.stay.sitting, scope, devices, each.begin_ns, each.end_ns))
            for each in windows
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
    found: Sequence[tuple[_Window, Energy]],
    reasons: Sequence[str],
    taken: Callable[[_Window, Energy], Energy],
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


# Windows


def _windows(
    phase: Phase, samples: Sequence[Sample], watched: Mapping[str, Stay]
) -> tuple[list[_Window], list[str]]:
    """Those that are long enough, and why others are not used."""
    seen = [sample for sample in samples if sample.worker in watched]
    reasons = [] if len(seen) == len(samples) else ["not-covered: some launches were not watched"]
    if phase == "requests":
        found = [_row(group, watched) for group in _rows(seen)]
    else:
        proven = [each for each in seen if phase == "decode" or each.cached is not None]
        reasons += [] if len(proven) == len(seen) else [UNPROVEN]
        found = [_of_sample(phase, each, watched) for each in proven]
    long = [each for each in found if each.seconds >= WINDOW_S and each.tokens > 0]
    if len(long) < len(found):
        longest = max(each.seconds for each in found)
        most = f", the longest {longest:.2g} s" if not long else ""
        reasons.append(
            f"window-too-short: {len(found) - len(long)} of {len(found)} windows of {phase} are "
            f"under {WINDOW_S:g} s{most}"
        )
    return long, reasons


def _of_sample(phase: Phase, sample: Sample, watched: Mapping[str, Stay]) -> _Window:
    first_ns = sample.t0_ns + int(sample.ttft_s * NS)
    last_ns = sample.t0_ns + int(sample.e2e_s * NS)
    prefill = phase == "prefill"
    return _Window(
        launch=sample.launch,
        stay=watched[sample.worker],
        begin_ns=sample.t0_ns if prefill else first_ns,
        end_ns=first_ns if prefill else last_ns,
        tokens=sample.prompt_tokens - (sample.cached or 0) if prefill else sample.later_tokens,
    )


def _rows(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Requests of one worker that follow each other without a pause."""
    row: list[Sample] = []
    for sample in samples:
        if row and not _follows(row[-1], sample):
            yield row
            row = []
        row.append(sample)
    if row:
        yield row


def _follows(before: Sample, sample: Sample) -> bool:
    paused_s = (sample.t0_ns - before.t0_ns) / NS - before.e2e_s
    return sample.worker == before.worker and 0 <= paused_s <= PAUSE_S


def _row(row: Sequence[Sample], watched: Mapping[str, Stay]) -> _Window:
    return _Window(
        launch=row[0].launch,
        stay=watched[row[0].worker],
        begin_ns=row[0].t0_ns,
        end_ns=row[-1].t0_ns + int(row[-1].e2e_s * NS),
        tokens=sum(sample.tokens for sample in row),
    )
