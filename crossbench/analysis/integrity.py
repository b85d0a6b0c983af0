"""What happened to a run that its numbers would hide: looked for by rule, and told either way.

What comes from outside is left out of the numbers by the rules of `exclusion`, and counted here.
What a machine does to itself is its result: it is labelled, and stays in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.analysis import device, processor
from crossbench.analysis.exclusion import Rule
from crossbench.analysis.samples import Measurements
from crossbench.analysis.sitting import Stay
from crossbench.analysis.span import Span, spans
from crossbench.machine.model import Host, Machine
from crossbench.machine.nvidia import HELD_BACK
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.published import published
from crossbench.report.words import number, size

Origin: TypeAlias = Literal["machine", "outside", "setting"]
"""What the machine did to itself; what came from outside; how it is set up."""

GB = 1e9
SWAPPED_BYTES = 16 * 2**20
"""Less than this may be what a worker's start has pushed out, and nobody reads again."""
OTHERS_SHARE = 0.05
"""Of all cores: what a system does beside a run, and the run's own host, stays below."""
LEAST_LOAD_S = 1.0
"""Processor time is counted in steps of 10 ms: over less than this it says nothing."""
UNREAD = "no probe read it"


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked for."""

    rule: str
    """Such as "throttled"."""
    origin: Origin
    subject: str
    """The target, or "machine"."""
    found: bool | None
    """None where nothing could tell."""
    evidence: str
    """What was found, with its values; what was read where nothing was; else why nothing told."""


def checks(
    machine: Machine,
    measured: Measurements,
    watched: Mapping[str, Stay],
    targets: Iterable[str],
) -> Iterator[Check]:
    """All that the readings and the samples of each target tell."""
    found = spans(measured, watched)
    for target in targets:
        launches = measured.launches_of(target)
        if not launches:
            continue
        loaded = measured.ready[launches[0]].loaded
        mine = [found[launch] for launch in launches if launch in found]
        gpus = _gpus(machine, device.gpus(machine, loaded.devices))
        if any(each.kind == "gpu" for each in loaded.devices):
            yield _throttled(target, mine, gpus)
            yield _links(target, mine, gpus)
            yield _offload(target, measured, launches)
        yield _processor(target, mine, machine.host.value)
        yield _swapped(target, mine)
        company = _accompanied(target, measured)
        apart = [found[launch] for launch in launches if launch in found.keys() - company]
        yield _others(target, apart, machine.logical_cores or 1, accompanied=bool(company))
        yield from _left_out(target, measured, machine)


def _gpus(machine: Machine, places: Sequence[int] | None) -> Mapping[str, tuple[str, NvidiaDevice]]:
    """Name -> UUID and facts of the cards a target uses; of all where that is not known."""
    chosen = range(len(machine.gpus)) if places is None else places
    return {
        f"GPU {place}": (machine.gpus[place].uuid.value or "", machine.gpus[place])
        for place in chosen
    }


def _throttled(
    target: str, spans: Sequence[Span], gpus: Mapping[str, tuple[str, NvidiaDevice]]
) -> Check:
    """Clocks held back while it was timed."""
    told, found = [], False
    for name, (uuid, _) in gpus.items():
        bits = [int(each) for span in spans for each in span.read(uuid, "clock_reasons")]
        if bits:
            counts = Counter(word for each in bits for bit, word in HELD_BACK.items() if each & bit)
            shares = [f"{word} in {count} of {len(bits)}" for word, count in counts.items()]
            told.append(f"{name}: {', '.join(shares) or f'nothing in {len(bits)}'} readings")
            found = found or bool(counts)
    return Check(
        rule="throttled",
        origin="machine",
        subject=target,
        found=found if told else None,
        evidence="; ".join(told) or UNREAD,
    )


def _processor(target: str, spans: Sequence[Span], host: Host | None) -> Check:
    """The processor's clocks held back by heat or power while it was timed."""
    found, evidence = processor.throttled(spans, host.most_clock_hz.value if host else None)
    return Check(
        rule="processor-throttled",
        origin="machine",
        subject=target,
        found=found,
        evidence=evidence or UNREAD,
    )


def _links(
    target: str, spans: Sequence[Span], gpus: Mapping[str, tuple[str, NvidiaDevice]]
) -> Check:
    """PCIe links that even under load stay below what card and slot have."""
    told, found = [], False
    for name, (uuid, gpu) in gpus.items():
        width = max((max(span.read(uuid, "pcie_width"), default=0) for span in spans), default=0)
        speed = max(
            (max(span.read(uuid, "pcie_generation"), default=0) for span in spans), default=0
        )
        known = published(gpu.name)
        lanes = (known.lanes if known else None) or gpu.pcie.most_width.value
        most = gpu.pcie.most_generation.value
        if width and speed and lanes and most:
            passed = _passed(spans, uuid)
            told.append(
                f"{name}: x{width:.0f} of x{lanes}, generation {speed:.0f} of {most}{passed}"
            )
            found = found or width < lanes or speed < most
    return Check(
        rule="link-below-maximum",
        origin="setting",
        subject=target,
        found=found if told else None,
        evidence="; ".join(told) or UNREAD,
    )


def _passed(spans: Sequence[Span], uuid: str) -> str:
    """The most that was read to pass over the bus, where that is told."""
    most = {
        word: max((max(span.read(uuid, name), default=0.0) for span in spans), default=0.0)
        for word, name in (("to", "pcie_received"), ("from", "pcie_sent"))
        if any(span.read(uuid, name) for span in spans)
    }
    told = [f"{number(most[word] / GB)} GB/s {word} it" for word in most]
    return f", at most {' and '.join(told)}" if told else ""


def _offload(target: str, measured: Measurements, launches: Sequence[str]) -> Check:
    """Models that only in part lie on the GPUs, by what the engine resolved."""
    loaded = measured.ready[launches[0]].loaded
    fact = loaded.settings.get("offloaded_layers")
    layers = str(fact.value).partition("/") if fact and fact.value else None
    cpu = any(each.kind == "cpu" for each in loaded.devices)
    if layers and layers[0].isdigit() and layers[2].isdigit():
        found = int(layers[0]) < int(layers[2])
        evidence = f"{layers[0]} of {layers[2]} layers are on GPUs"
    else:
        found = cpu
        evidence = "it names the CPU among its devices" if cpu else "it names no CPU as a device"
    return Check(
        rule="partial-offload",
        origin="setting",
        subject=target,
        found=found,
        evidence=evidence,
    )


def _swapped(target: str, spans: Sequence[Span]) -> Check:
    """Memory pushed out while it was timed: the target's own, or anybody's."""
    own = [max(values) for span in spans if (values := span.read("worker", "swap"))]
    grown = [
        max(values) - values[0] for span in spans if (values := span.read("host", "swap_used"))
    ]
    told = [f"{size(int(max(own)))} of its own at most"] if own else []
    told += [f"the machine's swap grew by {size(int(max(grown)))} at most"] if grown else []
    return Check(
        rule="swapped",
        origin="machine",
        subject=target,
        found=max(*own, *grown, 0, 0) > SWAPPED_BYTES if told else None,
        evidence=", ".join(told) or UNREAD,
    )


def _accompanied(target: str, measured: Measurements) -> frozenset[str]:
    """Launches of a target in which a background worked."""
    return frozenset(
        event.launch
        for (name, _), events in measured.backgrounds.items()
        for event in events
        if name == target
    )


def _others(target: str, spans: Sequence[Span], cores: int, *, accompanied: bool) -> Check:
    """Processor time that went to others while it was timed, in launches without a background.

    `accompanied` says that there were launches with one.
    """
    taken = [each for span in spans if (each := _beside(span)) is not None]
    if not taken:
        read = any(span.read("host", "cpu_time") for span in spans)
        evidence = "its samples were too short to count processor time" if read else UNREAD
        if accompanied:
            evidence = "a background worked beside it on purpose: others cannot be told from it"
        found = None
    else:
        most = max(taken)
        evidence = f"others took {most:.2g} of {cores} cores at most, on average over a launch"
        found = most > OTHERS_SHARE * cores
    return Check(
        rule="other-load", origin="outside", subject=target, found=found, evidence=evidence
    )


def _beside(span: Span) -> float | None:
    """Cores that were busy with others, on average."""
    whole, own = span.read("host", "cpu_time"), span.read("worker", "cpu_time")
    seconds = span.seconds()
    if seconds < LEAST_LOAD_S or len(whole) < 2 or len(whole) != len(own):
        return None
    return max(0.0, (whole[-1] - whole[0] - (own[-1] - own[0])) / seconds)


OUTSIDE: Mapping[Rule, str] = {
    "foreign-process": "another process came onto its devices",
    "suspended": "the machine was suspended",
}


def _left_out(target: str, measured: Measurements, machine: Machine) -> Iterator[Check]:
    """Samples that were disturbed from outside, and therefore do not count."""
    cells = measured.cells_of.get(target, {}).values()
    rules = Counter(sample.rule for cell in cells for sample in cell.samples)
    whole = sum(rules.values())
    for rule, words in OUTSIDE.items():
        if rule == "foreign-process" and not machine.cuda_devices:
            continue  # only of graphics cards it is told who computes on them
        count = rules[rule]
        left = f"{count} of {whole} timed samples are left out: {words}"
        yield Check(
            rule=rule,
            origin="outside",
            subject=target,
            found=count > 0,
            evidence=left if count else f"none of {whole} timed samples",
        )
