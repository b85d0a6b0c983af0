"""What happened to a run that its numbers would hide: looked for by rule, and told either way.

What comes from outside is left out of the numbers by the rules of `exclusion`, and counted here.
What a machine does to itself is its result: it is labelled, and stays in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crossbench.analysis import device, processor
from crossbench.analysis.card_checks import card_checks
from crossbench.analysis.check import Check
from crossbench.analysis.looks import before, looks
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.outside import outside
from crossbench.analysis.servers import here
from crossbench.analysis.sitting import Sitting, Stay
from crossbench.analysis.span import spans
from crossbench.analysis.timed import Gpus, Timed
from crossbench.api import Loaded
from crossbench.machine.model import Machine
from crossbench.report.words import size

SWAPPED_BYTES = 16 * 2**20
"""Less than this may be what a worker's start has pushed out, and nobody reads again."""
CLOCK = ("processor", "clock")


def checks(
    machine: Machine,
    measured: Measurements,
    watched: Mapping[str, Stay],
    targets: Mapping[str, Mapping[str, Any]],
    found: Sequence[Sitting] = (),
    absent: str | None = None,
) -> Iterator[Check]:
    """All that the readings and the samples of each target tell.

    `machine` is as it was when the run was planned, `targets` have their options.
    `absent` is why nothing was read, None where something was.
    """
    read, seen = spans(measured, watched), before(looks(found), measured.started)
    for target, options in targets.items():
        launches = measured.launches_of(target)
        if not launches:
            continue
        loaded = measured.ready[launches[0]].loaded
        timed = Timed(
            target=target,
            launches=launches,
            by_launch={launch: read[launch] for launch in launches if launch in read},
            gpus=_gpus(machine, device.gpus(machine, loaded.devices)),
            machine=machine,
            seen=seen,
            absent=absent,
        )
        if any(each.kind == "gpu" for each in loaded.devices):
            yield from card_checks(timed)
            yield _offload(target, loaded)
        yield _processor(timed)
        yield _swapped(timed)
        yield from outside(timed, measured, here(options))


def _gpus(machine: Machine, places: Sequence[int] | None) -> Gpus:
    """The cards a target uses; all where that is not known."""
    chosen = range(len(machine.gpus)) if places is None else places
    return {
        f"GPU {place}": (machine.gpus[place].uuid.value or "", machine.gpus[place])
        for place in chosen
    }


def _processor(timed: Timed) -> Check:
    """The processor's clocks held back by heat or power while it was timed."""
    host = timed.machine.host.value
    found, evidence = processor.throttled(timed.spans, host.most_clock_hz.value if host else None)
    return Check(
        rule="processor-throttled",
        origin="machine",
        subject=timed.target,
        found=found,
        evidence=evidence or timed.unread("processor", CLOCK, *processor.COUNTERS),
    )


def _offload(target: str, loaded: Loaded) -> Check:
    """Models that only in part lie on the GPUs, by what the engine resolved."""
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


def _swapped(timed: Timed) -> Check:
    """Memory pushed out while it was timed: the target's own, or anybody's."""
    own = timed.read("worker", "swap")
    grown = [
        max(values) - values[0]
        for span in timed.spans
        if (values := span.read("host", "swap_used"))
    ]
    told = [f"{size(int(max(own)))} of its own at most"] if own else []
    told += [f"the machine's swap grew by {size(int(max(grown)))} at most"] if grown else []
    return Check(
        rule="swapped",
        origin="machine",
        subject=timed.target,
        found=max(*own, *grown, 0, 0) > SWAPPED_BYTES if told else None,
        evidence=", ".join(told) or timed.unread("host", ("host", "swap_used")),
    )
