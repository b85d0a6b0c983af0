"""The invariants of one cell, read from what the run wrote down of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from crossbench.analysis.cell import Cell
from crossbench.analysis.definitions import cache_state
from crossbench.analysis.device import place as gpu_of
from crossbench.analysis.measurements import Measurements
from crossbench.api import Device, Fact
from crossbench.comparison.invariant import Invariant, Value
from crossbench.comparison.resolved import READS
from crossbench.journal.events import LaunchReady
from crossbench.journal.manifest import Manifest
from crossbench.machine.model import GIB, Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.plan.model import ScenarioPlan, TargetPlan
from crossbench.suite.model import Load, Protocol, Scenario


def of_cell(
    asked: Scenario,
    target: str,
    scenario: ScenarioPlan,
    measured: Measurements,
    definitions: int,
) -> tuple[Invariant, ...]:
    """Those of one target that are this scenario's; the others are `of_target`."""
    return (
        Invariant(name="definitions", value=f"version {definitions}", source="crossbench"),
        Invariant(name="prompt ids", value=_prompts(target, scenario, measured), source="plan"),
        *_work(asked, measured.cells[target, scenario.scenario]),
    )


def of_target(
    manifest: Manifest, planned: TargetPlan, measured: Measurements
) -> tuple[Invariant, ...]:
    """Those that are the same on every scenario. A fact that its launches do not share is told as
    all of its values."""
    ready = [measured.ready[launch] for launch in measured.launches_of(planned.target)]
    return (
        *_identity(manifest, planned, ready),
        *(_resolved(name, [read(each.loaded) for each in ready]) for name, read in READS.items()),
        Invariant(name="tokenizer", value=_canonical(measured.ready.values()), source="artifact"),
        *_machine(manifest.plan.machine, ready),
        Invariant(name="protocol", value=_protocol(manifest.plan.suite.protocol), source="suite"),
    )


# What was asked and what came


def _work(asked: Scenario, cell: Cell) -> Iterator[Invariant]:
    yield Invariant(name="output length", value=_length(asked), source="suite")
    yield Invariant(name="load", value=_load(asked.load), source="suite")
    if asked.natural:
        yield Invariant(name="tokens produced", value=_produced(cell), source="samples")
    yield Invariant(name="sampling", value=_sampling(asked), source="suite")
    yield Invariant(name="cache state", value=_cache(cell), source="samples")
    ways = sorted({sample.counted_by for sample in cell.valid})
    yield Invariant(name="tokens counted by", value=" and ".join(ways) or None, source="samples")


def _prompts(target: str, scenario: ScenarioPlan, measured: Measurements) -> str:
    """The hash of the prompts before salting, or of what was sent where that were other ids; a
    template that an engine puts around them makes them its own."""
    place = (target, scenario.scenario)
    ready = [measured.ready[launch] for launch in measured.launches_of(target)]
    around = {each.loaded.engine_build.value for each in ready if each.loaded.prompt == "template"}
    if around:
        served = ", ".join(sorted(str(build) for build in around))
        return f"{scenario.prompts_sha256[:16]} inside the template of {served}"
    found = measured.cells[place].sent if place in measured.sent.strays else scenario.prompts_sha256
    return found[:16]


def _length(asked: Scenario) -> str:
    limit = "at most" if asked.natural else "exactly"
    given = ", given ones" if asked.forced else ""
    return f"{limit} {asked.output_tokens} tokens{given}"


def _load(load: Load | None) -> str:
    if load is None:
        return "one request after the other"
    if load.rate is None:
        return f"{load.words}, {load.requests} requests"
    return f"{load.words}, {load.arrivals}, {load.requests} requests, room for {load.room}"


def _produced(cell: Cell) -> float | None:
    tokens = [sample.tokens for sample in cell.valid]
    return sum(tokens) / len(tokens) if tokens else None


def _sampling(asked: Scenario) -> str:
    chosen = asked.sampling
    if chosen.temperature == 0:
        return "greedy"
    return (
        f"temperature {chosen.temperature:g}, top_k {chosen.top_k}, top_p {chosen.top_p:g}, "
        f"seed {chosen.seed}"
    )


def _cache(cell: Cell) -> str | None:
    """Cold, or warm with the share of the prompt that was cached; None where nothing proves it."""
    valid = cell.valid
    found = cache_state(valid)
    if found != "warm":
        return "cold" if found == "cold" else None
    cached = sum(sample.cached or 0 for sample in valid)
    share = cached / sum(sample.prompt_tokens for sample in valid)
    return f"warm, {100 * share:.0f} % cached"


# What the target is


def _identity(
    manifest: Manifest, planned: TargetPlan, ready: Sequence[LaunchReady]
) -> Iterator[Invariant]:
    environment = manifest.environments[planned.target]
    builds = [each.loaded.engine_build for each in ready]
    told = _resolved("engine build", builds)
    variant = f"{told.value} ({planned.variant}, {environment.how})" if told.value else None
    yield Invariant(name="engine", value=planned.backend, source="suite")
    yield Invariant(name="engine build", value=variant, source=told.source)
    yield Invariant(name="plugin", value=planned.plugin, source="environment")
    sha256 = manifest.artifacts[planned.target].sha256
    yield Invariant(name="artifact", value=f"sha256 {sha256[:16]}", source="artifact")
    hashes = [each.tokenizer.vocabulary_sha256 for each in ready]
    vocabulary = hashes[0] if hashes else None
    yield Invariant(
        name="artifact's vocabulary", value=vocabulary and vocabulary[:16], source="artifact"
    )


def _canonical(ready: Iterable[LaunchReady]) -> str | None:
    """The hash of the suite's vocabulary, where some artifact of the run was found to carry it."""
    for each in ready:
        if each.tokenizer.same_vocabulary and each.tokenizer.vocabulary_sha256:
            return each.tokenizer.vocabulary_sha256[:16]
    return None


def _resolved(name: str, facts: Sequence[Fact[Any]]) -> Invariant:
    """What all launches resolved alike, else each of the values."""
    values = list(dict.fromkeys(fact.value for fact in facts))
    source = facts[0].source if facts else "not recorded"
    if not values or None in values:
        return Invariant(name=name, value=None, source=source)
    value: Value = values[0] if len(values) == 1 else " / ".join(map(str, values))
    return Invariant(name=name, value=value, source=source)


# What it was measured on


def _machine(machine: Machine, ready: Sequence[LaunchReady]) -> Iterator[Invariant]:
    devices = {device.id: device for each in ready for device in each.loaded.devices}
    gpus = [device for device in devices.values() if device.kind == "gpu"]
    found = [_known(machine, device) for device in gpus]
    yield Invariant(name="power limit", value=_limits(found), source="machine")
    yield Invariant(
        name="link width",
        value="no GPU" if devices and not gpus else _links(found),
        source="machine",
    )
    told = [
        machine.cpu,
        f"{machine.logical_cores} logical cores",
        f"{machine.memory_bytes / GIB:.3g} GiB",
        *machine.cuda_devices,
        machine.system,
    ]
    yield Invariant(name="machine", value=", ".join(told), source="machine")


def _known(machine: Machine, device: Device) -> NvidiaDevice | None:
    """What the machine tells of this device."""
    number = gpu_of(machine, device.id)
    return None if number is None else machine.gpus[number]


def _limits(gpus: Sequence[NvidiaDevice | None]) -> str | None:
    watts = [gpu.power.limit_w.value if gpu else None for gpu in gpus]
    return _joined([None if each is None else f"{each:g} W" for each in watts])


def _links(gpus: Sequence[NvidiaDevice | None]) -> str | None:
    lanes = [gpu.pcie.width.value if gpu else None for gpu in gpus]
    return _joined([None if each is None else f"x{each}" for each in lanes])


def _joined(values: Sequence[str | None]) -> str | None:
    """What devices have, once where they have it in common: how many there are is told elsewhere.
    None where it is not known of one of them, or there are none."""
    known = [value for value in values if value is not None]
    return ", ".join(sorted(set(known))) if len(known) == len(values) > 0 else None


def _protocol(protocol: Protocol) -> str:
    told = [f"repeats {protocol.repeats}", f"warm-ups {protocol.warmups}"]
    told += [f"burn-in {protocol.burn_in}"] if protocol.burn_in else []
    told += [f"{protocol.cool_down_s:g} s of rest"] if protocol.cool_down_s else []
    if protocol.start_below_c is not None:
        told.append(f"starts below {protocol.start_below_c:g} °C")
    return ", ".join(told)
