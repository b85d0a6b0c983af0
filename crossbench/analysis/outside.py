"""What others did to a run: computed on its cards, took its processors, sent it to sleep.

Samples that it hit are left out by the rules of `exclusion`, and counted here; where no rule can
tell which it hit, it is labelled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from crossbench.analysis.check import Check
from crossbench.analysis.exclusion import Rule
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.span import Span
from crossbench.analysis.timed import Timed
from crossbench.machine.model import Machine
from crossbench.machine.reading import Reading
from crossbench.report.words import counted

OTHERS_SHARE = 0.05
"""Of all cores: what a system does beside a run, and the run's own host, stays below."""
LEAST_LOAD_S = 1.0
"""Processor time is counted in steps of 10 ms: over less than this it says nothing."""
STEPS = 0.05
"""Cores by which two such counts may contradict each other and still belong together."""
WHOLE, OWN = ("host", "cpu_time"), ("worker", "cpu_time")
PLANNED = "when it was planned"
UNSEEN = "the machine was not read in time"


def outside(timed: Timed, measured: Measurements, servers: Sequence[str] = ()) -> Iterator[Check]:
    """All of it; who computes on cards is told of NVIDIA's only.

    `servers` are its own on this machine that crossbench did not start.
    """
    yield _others(timed, _accompanied(timed.target, measured), servers)
    if timed.machine.cuda_devices:
        yield _strangers(timed, measured)
    count, left = _left_out(timed.target, measured, "suspended", "the machine was suspended")
    yield Check(
        rule="suspended", origin="outside", subject=timed.target, found=count > 0, evidence=left
    )


def _left_out(target: str, measured: Measurements, rule: Rule, words: str) -> tuple[int, str]:
    """How many timed samples a rule leaves out, and the same in words."""
    cells = measured.cells_of.get(target, {}).values()
    rules = Counter(sample.rule for cell in cells for sample in cell.samples)
    count, whole = rules[rule], sum(rules.values())
    left = f"{count} of its {whole} timed samples are left out: {words}"
    return count, left if count else f"none of its {whole} timed samples"


# Processor time


def _accompanied(target: str, measured: Measurements) -> frozenset[str]:
    """Launches of a target in which a background worked."""
    return frozenset(
        event.launch
        for (name, _), events in measured.backgrounds.items()
        for event in events
        if name == target
    )


def _others(timed: Timed, accompanied: frozenset[str], servers: Sequence[str]) -> Check:
    """Processor time that went to others while it was timed, in launches without a background.

    Servers of its own count as others until they took more than others may: then nothing can tell.
    """
    cores, found = timed.machine.logical_cores or 1, None
    apart = [span for launch, span in timed.by_launch.items() if launch not in accompanied]
    taken = [each for span in apart if (each := _beside(span)) is not None]
    if not taken:
        evidence = _untaken(timed)
        if accompanied:
            evidence = "a background worked beside it on purpose: others cannot be told from it"
    elif min(taken) < -STEPS:
        evidence = (
            f"its own processes are said to have taken {-min(taken):.2g} of {cores} cores more "
            "than all of the machine: the two counts do not belong together"
        )
    else:
        most = max(*taken, 0.0)
        evidence = f"others took {most:.2g} of {cores} cores at most, on average over a launch"
        found = most > OTHERS_SHARE * cores
        if servers and found:
            found = None
            evidence = (
                f"its servers ({', '.join(servers)}) work on this machine too and cannot be told "
                f"from others: together they took {most:.2g} of {cores} cores at most, on average "
                "over a launch"
            )
    return Check(
        rule="other-load", origin="outside", subject=timed.target, found=found, evidence=evidence
    )


def _beside(span: Span) -> float | None:
    """Cores that were busy with others, on average; below 0 where the counts contradict."""
    rows = span.together(WHOLE, OWN)
    if not rows or rows[-1][0] - rows[0][0] < LEAST_LOAD_S:
        return None
    seconds, whole, own = (last - first for first, last in zip(rows[0], rows[-1], strict=True))
    return (whole - own) / seconds


def _untaken(timed: Timed) -> str:
    for probe, channel in (("host", WHOLE), ("tree", OWN)):
        if not timed.read(*channel):
            return timed.unread(probe, channel)
    return "its samples were too short to count processor time"


# Cards


def _strangers(timed: Timed, measured: Measurements) -> Check:
    """Others that computed on its cards: those that came, and those that were there before it.

    Whoever computes on a card just before a worker is started is none of the run's.
    """
    words = "another process came onto its devices"
    count, left = _left_out(timed.target, measured, "foreign-process", words)
    times: dict[str, Machine] = {PLANNED: timed.machine}
    for launch in timed.launches:
        read = timed.seen[launch].value if launch in timed.seen else None
        times |= {launch: read} if read is not None else {}
    there, untold = _there(timed, times)
    refused = sorted(measured.untold.get(timed.target, ()))
    untold += [f"who came meanwhile: {reason}" for reason in refused]
    if unseen := [launch for launch in timed.launches if launch not in times]:
        untold.append(f"who was there before {', '.join(unseen)}: {timed.absent or UNSEEN}")
    unknown = [f"not known is {each}" for each in untold]
    return Check(
        rule="foreign-process",
        origin="outside",
        subject=timed.target,
        found=True if count or there else None if untold else False,
        evidence="; ".join([left, *there, *unknown]),
    )


def _there(timed: Timed, times: Mapping[str, Machine]) -> tuple[list[str], list[str]]:
    """Of each card, who of others was there when; and where that is not told, why not."""
    there, untold = [], dict[str, None]()
    for place, (name, (uuid, _)) in enumerate(timed.gpus.items()):
        counts: dict[str, int] = {}
        for when, machine in times.items():
            found = _computing(machine, uuid, place)
            if found.value is None:
                untold[f"who is on {name}: {found.reason}"] = None
            elif found.value:
                counts[when] = found.value
        if counts:
            there.append(f"{name} had {_when(counts, len(timed.launches))}")
    return there, list(untold)


def _computing(machine: Machine, uuid: str, place: int) -> Reading[int]:
    """How many compute on a card, found by its UUID, else by its place."""
    found = [gpu for gpu in machine.gpus if gpu.uuid.value == uuid]
    found = found or list(machine.gpus[place : place + 1])
    if not found:
        return Reading(reason=machine.nvidia.reason or "it was not there")
    occupants = found[0].occupants
    if occupants.value is None:
        return Reading(reason=occupants.reason)
    return Reading(sum(each.kind == "compute" for each in occupants.value))


def _when(counts: Mapping[str, int], launches: int) -> str:
    """Such as "2 processes of others when it was planned and before 3 of 10 launches"."""
    before = [launch for launch in counts if launch != PLANNED]
    told = [PLANNED] if PLANNED in counts else []
    if before:
        told.append(f"before {len(before)} of {counted(launches, 'launch')}, first {before[0]}")
    return f"{counted(max(counts.values()), 'process')} of others {' and '.join(told)}"
