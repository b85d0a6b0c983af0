"""The comparisons of several runs: in pairs within each, unpaired between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.comparison.compare import Comparison, Pair, compare
from crossbench.comparison.side import Side
from crossbench.report.comparisons import levelled_sides
from crossbench.report.labels import APART, machine_facts
from crossbench.report.model import Report
from crossbench.suite.tables.comparison import Axis

Sides: TypeAlias = Mapping[str, Mapping[str, Side]]
"""Scenario -> target -> its cell, without the drift of its own run."""


class Among(Struct, frozen=True, kw_only=True):
    """What is held against what."""

    baseline: str | None
    comparisons: tuple[Comparison, ...]
    """Every target against the baseline, also those of other runs."""
    further: tuple[Comparison, ...]
    """Other runs' targets against their own baseline, targets that were measured again, and what
    was measured only where the one baseline was not."""


def among(runs: Sequence[Report], baseline: str | None) -> Among:
    """All of it, judged together: a winner by chance anywhere in it would be a false claim.

    What may differ is what the suites of each two say: within a run as in its own report.
    """
    sides = [levelled_sides(run.scenarios, run.targets)[0] for run in runs]
    first = [] if baseline is None else list(_against(sides, baseline))
    found = (_within, _again, _elsewhere)
    others = _once(pair for pairs in found for pair in pairs(runs, sides, baseline))
    axes = {target.name: run.axis for run in runs for target in run.targets}
    judged = compare([_declared(pair, axes) for pair in (*first, *others)], ())
    return Among(
        baseline=baseline,
        comparisons=judged[: len(first)],
        further=judged[len(first) :],
    )


def _declared(pair: Pair, axes: Mapping[str, tuple[Axis, ...]]) -> Pair:
    """With its own axis: what the run of the target and that of the baseline both declare."""
    other = axes[pair.baseline.target]
    axis = tuple(word for word in axes[pair.target.target] if word in other)
    return replace(pair, axis=axis)


def _against(sides: Sequence[Sides], baseline: str) -> Iterator[Pair]:
    """Scenario by scenario, those of the baseline's own run in pairs."""
    for scenario in dict.fromkeys(name for each in sides for name in each):
        here = [each for each in sides if baseline in each.get(scenario, {})]
        if not here:
            continue
        held = here[0][scenario][baseline]
        for each in sides:
            for target, side in each.get(scenario, {}).items():
                if target != baseline:
                    paired = each is here[0]
                    yield Pair(scenario=scenario, target=side, baseline=held, paired=paired)


def _within(runs: Sequence[Report], sides: Sequence[Sides], baseline: str | None) -> Iterator[Pair]:
    """The targets of each run that lacks the baseline against that run's own."""
    for run, each in zip(runs, sides, strict=True):
        own = run.baseline
        if own is None or any(target.name == baseline for target in run.targets):
            continue
        for scenario, cells in each.items():
            for target, side in cells.items():
                if own in cells and target != own:
                    yield Pair(scenario=scenario, target=side, baseline=cells[own], paired=True)


def _again(runs: Sequence[Report], sides: Sequence[Sides], baseline: str | None) -> Iterator[Pair]:
    """A target of an earlier run on a machine like this one, measured again."""
    for later, run in enumerate(runs):
        for earlier in range(later):
            if machine_facts(runs[earlier].machine) != machine_facts(run.machine):
                continue
            for scenario, cells in sides[later].items():
                known = {
                    _bare(name): side for name, side in sides[earlier].get(scenario, {}).items()
                }
                for target, side in cells.items():
                    before = known.get(_bare(target))
                    if before is not None and before.target != baseline:
                        yield Pair(scenario=scenario, target=side, baseline=before, paired=False)


def _elsewhere(
    runs: Sequence[Report], sides: Sequence[Sides], baseline: str | None
) -> Iterator[Pair]:
    """Of scenarios that the baseline was not measured on: what all runs found against the first
    that has one, its own baseline or else its first target there."""
    for scenario in dict.fromkeys(name for each in sides for name in each):
        here = [each.get(scenario, {}) for each in sides]
        if any(baseline in cells for cells in here):
            continue
        first = next(place for place, cells in enumerate(here) if cells)
        own = here[first].get(runs[first].baseline or "")
        held = own or next(iter(here[first].values()))
        for cells in (*here[:first], *here[first + 1 :]):
            for target in cells.values():
                yield Pair(scenario=scenario, target=target, baseline=held, paired=False)


def _once(pairs: Iterable[Pair]) -> list[Pair]:
    found: dict[tuple[str, str, str], Pair] = {}
    for pair in pairs:
        found.setdefault((pair.scenario, pair.target.target, pair.baseline.target), pair)
    return list(found.values())


def _bare(target: str) -> str:
    return target.partition(APART)[0]
