"""How throughput scales with devices: replicas, and other ways to share them, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from msgspec.structs import replace

from crossbench.analysis.measurements import Measurements
from crossbench.analysis.metric import Metric
from crossbench.api import Loaded, Parallelism
from crossbench.comparison.invariant import Value, state
from crossbench.comparison.side import Side
from crossbench.places.placement import Place
from crossbench.plan.model import Plan
from crossbench.report.company_model import Scaling, ScalingRow
from crossbench.report.comparisons import side
from crossbench.report.model import ScenarioReport, TargetReport
from crossbench.statistics.logmean import Interval
from crossbench.statistics.ratio import Ratio, paired
from crossbench.suite.model import Load, Target

ALL = "throughput_tps"
ARRANGED = frozenset(
    {"parallelism", "devices", "threads", "context", "plugin", "link width", "power limit"}
)
"""Invariants that may differ where devices are shared in another way; the last two are told of each
device in use."""
SHARING = frozenset(
    {
        "cpu_omp_threads_bind",
        "disable_custom_all_reduce",
        "gpu_memory_utilization",
        "kv_cache_gib",
        "main_gpu",
        "max_model_len",
        "n_ctx",
        "pipeline_parallel_size",
        "rpc_servers",
        "skip_p2p_check",
        "split_mode",
        "tensor_parallel_size",
        "tensor_split",
        "threads",
        "threads_batch",
    }
)
"""Options by which engines share devices, and the context that they are to leave room for."""


SPLITS: Mapping[Parallelism, str] = {
    Parallelism.TENSOR: "tensor split",
    Parallelism.PIPELINE: "layer split",
}


class _Family:
    """Targets that do the same work and share devices in different ways."""

    def __init__(self, plan: Plan, measured: Measurements, targets: Sequence[TargetReport]) -> None:
        self.asked = {each.name: each for each in plan.suite.targets}
        self.targets = {each.name: each for each in targets}
        self.places = {each.name: _places(each.name, measured) for each in targets}
        counts = {each.name: self._devices(each) for each in targets}
        self.on_gpus = any(kind == "CUDA device" for _, kind in counts.values())
        self.unit = "CUDA device" if self.on_gpus else "processor"
        self.devices = {
            name: count if kind == self.unit else None for name, (count, kind) in counts.items()
        }
        self.lent = {name for name, count in counts.items() if count == (None, "CUDA device")}
        """Those that use devices of other machines besides this one's."""

    def _devices(self, target: TargetReport) -> tuple[int | None, str]:
        """How many, and of which kind; None where that cannot be counted in one kind."""
        places = self.places[target.name]
        devices = target.loaded.devices if target.loaded else ()
        held = sum(len(place.cuda) for place in places if place.cuda)
        gpus = held or sum(each.kind == "gpu" for each in devices)
        if gpus:
            lent = any(each.kind == "other" for each in devices)
            return None if lent else gpus, "CUDA device"
        return sum(len(place.cpus) for place in places) or None, "processor"

    @property
    def baseline(self) -> str | None:
        """Of those in one replica, the one on the fewest devices."""
        alone = [
            (count, name)
            for name, count in self.devices.items()
            if count is not None and self.asked[name].replicas == 1
        ]
        return min(alone, key=lambda each: each[0])[1] if alone else None


def scaling(
    plan: Plan,
    measured: Measurements,
    scenarios: Sequence[ScenarioReport],
    targets: Sequence[TargetReport],
) -> tuple[Scaling, ...]:
    """Of each closed loop and each group of targets in which some target has replicas.

    At a rate, throughput is what arrives, whoever serves it.
    """
    found = []
    loaded = [
        (each, each.load)
        for each in scenarios
        if each.load is not None and each.load.concurrency is not None
    ]
    for name, group in groupby(loaded, lambda pair: pair[1].of):
        levels = list(group)
        for members in _families(levels, targets, plan):
            family = _Family(plan, measured, members)
            found.append(_scaling(name, levels, family))
    return tuple(found)


def _families(
    levels: Sequence[tuple[ScenarioReport, Load]], targets: Sequence[TargetReport], plan: Plan
) -> Iterator[list[TargetReport]]:
    """Targets of one work, by what must be alike for their ratios to mean anything."""
    replicas = {each.name: each.replicas for each in plan.suite.targets}
    groups: list[tuple[_Work, list[TargetReport]]] = []
    for target in targets:
        work = _work(levels, target)
        if work is None:
            continue
        alike = next((members for other, members in groups if work.is_as(other)), None)
        if alike is None:
            groups.append((work, [target]))
        else:
            alike.append(target)
    for _, members in groups:
        if len(members) > 1 and any(replicas[each.name] > 1 for each in members):
            yield members


class _Work(NamedTuple):
    """What a target does, however it shares devices."""

    backend: str
    options: Sequence[tuple[str, str]]
    facts: Mapping[str, Value]

    def is_as(self, other: _Work) -> bool:
        """Whether it is the same engine, with the same options, and no fact is known to differ."""
        return self[:2] == other[:2] and not any(
            state(value, other.facts.get(name)) == "different" for name, value in self.facts.items()
        )


def _work(levels: Sequence[tuple[ScenarioReport, Load]], target: TargetReport) -> _Work | None:
    for scenario, _ in levels:
        for cell in scenario.cells:
            if cell.target == target.name:
                alike = [each for each in cell.invariants if each.name not in ARRANGED]
                facts = {each.name: each.value for each in alike}
                return _Work(target.backend, _options(target), facts)
    return None


def _options(target: TargetReport) -> list[tuple[str, str]]:
    """Those that say anything else than how devices are shared."""
    return [
        (name, repr(given))
        for name, given in sorted(target.options.items())
        if name not in SHARING and not name.startswith("nccl_")
    ]


def _scaling(name: str, levels: Sequence[tuple[ScenarioReport, Load]], family: _Family) -> Scaling:
    members = list(family.targets.values())
    cells = [
        (scenario, load, side(scenario, members, cell.target))
        for scenario, load in levels
        for cell in scenario.cells
        if cell.target in family.targets
    ]
    rows = [row for scenario, load, one in cells if (row := _row(scenario.name, load, one, family))]
    sides = {(scenario.name, one.target): one for scenario, _, one in cells}
    best = [_best(name, rows) for name in family.targets]
    tops = {each.target: each for each in best if each is not None}
    base = family.baseline
    return Scaling(
        load=name,
        unit=family.unit,
        baseline=base,
        rows=tuple(_held(row, (row.scenario, base), sides, family) for row in rows),
        best=tuple(
            _held(row, (tops[base].scenario if base in tops else "", base), sides, family)
            for row in tops.values()
        ),
        places={name: family.places[name] for name in family.targets},
    )


def _row(scenario: str, load: Load, one: Side, family: _Family) -> ScalingRow | None:
    throughput = one.metric(ALL)
    if throughput is None:
        return None
    return ScalingRow(
        target=one.target,
        scenario=scenario,
        level=load.words,
        arrangement=arrangement(family.asked[one.target], family.targets[one.target]),
        devices=family.devices[one.target],
        throughput=throughput,
    )


def arrangement(asked: Target, target: TargetReport) -> str:
    """How a target shares its devices, in words."""
    within = _split(asked, target.loaded) if target.loaded else ""
    if asked.replicas == 1:
        return within or _threads(target) or "1 replica"
    return f"{asked.replicas} replicas" + (f", each {within}" if within else "")


def _split(asked: Target, loaded: Loaded) -> str:
    """How one replica cuts its model in parts, and in how many; empty where it does not."""
    kind = loaded.parallelism.value
    word = SPLITS.get(kind) if kind is not None else None
    if word is None:
        return ""
    ranks = loaded.settings.get("ranks")
    if ranks is not None and isinstance(ranks.value, list):
        parts = len(ranks.value)
    else:
        parts = len(loaded.devices) // asked.replicas
    return f"{word} over {parts}" if parts > 1 else word


def _threads(target: TargetReport) -> str:
    """Of an engine that computes with several, and so shares processors without another word."""
    told = target.loaded.settings.get("threads") if target.loaded else None
    count = told.value if told is not None else None
    return f"1 replica, {count} threads" if isinstance(count, int) and count > 1 else ""


def _best(target: str, rows: Sequence[ScalingRow]) -> ScalingRow | None:
    """The level at which a target gives most."""
    own = [row for row in rows if row.target == target and row.throughput.value is not None]
    return max(own, key=lambda row: row.throughput.value or 0.0, default=None)


def _held(
    row: ScalingRow,
    against: tuple[str, str | None],
    sides: Mapping[tuple[str, str], Side],
    family: _Family,
) -> ScalingRow:
    """The row with its efficiency, or with the reason why it has none."""
    scenario, base = against
    if base is None:
        return replace(row, withheld="no target of one replica tells its devices")
    if row.target == base:
        return row
    baseline = sides.get((scenario, base))
    if baseline is None or _value(baseline.metric(ALL)) is None:
        return replace(row, withheld="the baseline has no throughput there")
    if row.throughput.value is None:
        return replace(row, withheld="; ".join(row.throughput.reasons))
    own = sides[row.scenario, row.target]
    speedup = paired(own.by_block(ALL), baseline.by_block(ALL))
    devices, alone = family.devices[row.target], family.devices[base]
    if devices is None or alone is None:
        abroad = row.target in family.lent
        why = "some of its devices are lent" if abroad else "it is held to no devices of its own"
        return replace(row, speedup=speedup, withheld=why)
    return replace(row, speedup=speedup, efficiency=_over(speedup, devices / alone))


def _value(metric: Metric | None) -> float | None:
    return metric.value if metric is not None else None


def _over(ratio: Ratio, times: float) -> Ratio:
    """The ratio over a known number; whether it differs from 1 is then another question."""

    def scaled(found: Interval | None) -> Interval | None:
        return found and Interval(found.low / times, found.high / times, found.level)

    point = None if ratio.point is None else ratio.point / times
    return replace(ratio, point=point, ci95=scaled(ratio.ci95), ci90=scaled(ratio.ci90), p=None)


def _places(target: str, measured: Measurements) -> tuple[Place, ...]:
    launches = measured.launches_of(target)
    return measured.started[launches[0]].places if launches else ()
