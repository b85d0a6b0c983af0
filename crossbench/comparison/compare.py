"""Targets against a baseline: ratio, interval and verdict of each primary metric, or why not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.analysis.metric import Metric
from crossbench.comparison.holding import Known, held, refusals
from crossbench.comparison.invariant import Held
from crossbench.comparison.rules import OPTIONS, RULES
from crossbench.comparison.side import Side
from crossbench.statistics.ratio import Ratio, paired, unpaired
from crossbench.statistics.verdict import PRIMARY, THRESHOLD, Judgement, verdicts
from crossbench.suite.tables.comparison import Axis

Word: TypeAlias = Literal["faster", "slower", "tie", "inconclusive", "refused", "unmeasured"]

Place: TypeAlias = tuple[int, str]
"""A comparison's index and a metric."""


class Compared(Struct, frozen=True, kw_only=True):
    """One primary metric of a target against the baseline's."""

    metric: str
    unit: str
    higher_is_better: bool
    target: float | None
    """The target's own value; None where it is withheld."""
    baseline: float | None
    ratio: Ratio | None
    """Target over baseline; None where it is refused or one of the two was not measured."""
    verdict: Word
    reason: str
    p: float | None = None
    """After Holm's correction over all that is compared at once."""
    unsettled: float = 0.0
    """How far repeats still changed within launches of the two, on the log scale."""


class Comparison(Struct, frozen=True, kw_only=True):
    """One target on one scenario against the baseline."""

    scenario: str
    target: str
    baseline: str
    paired: bool
    """Whether their launches stood side by side in blocks of one run."""
    held: tuple[Held, ...]
    metrics: tuple[Compared, ...]
    axis: tuple[Axis, ...] | None = None
    """What the suites of these two say they differ in, where that is not one for all compared."""

    @property
    def confounders(self) -> tuple[Held, ...]:
        """Differences beyond the axis that are named beside the ratios."""
        return tuple(each for each in self.held if each.effect in ("confounder", "refusal"))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Invariants that one of the two does not tell."""
        return tuple(each.name for each in self.held if each.state == "unknown")


class Pair(Struct, frozen=True, kw_only=True):
    """Two cells to compare."""

    scenario: str
    target: Side
    baseline: Side
    paired: bool
    axis: tuple[Axis, ...] | None = None
    """What the two differ in on purpose, where that is their own."""


def compare(pairs: Sequence[Pair], axis: Collection[Axis]) -> tuple[Comparison, ...]:
    """All pairs a reader sees at once, judged together; `axis` is that of pairs without one."""
    known: dict[frozenset[Axis], Known] = {}
    compared = []
    for pair in pairs:
        own = frozenset(axis if pair.axis is None else pair.axis)
        compared.append(_compared(pair, own, known.setdefault(own, {})))
    return judged(compared, THRESHOLD)


def judged(comparisons: Sequence[Comparison], threshold: float) -> tuple[Comparison, ...]:
    """The same comparisons with their verdicts at this threshold, corrected over all of them."""
    ratios: dict[Place, Ratio] = {
        (index, each.metric): each.ratio
        for index, comparison in enumerate(comparisons)
        for each in comparison.metrics
        if each.ratio is not None
    }
    better = {place: PRIMARY[place[1]] for place in ratios}
    unsettled = {
        (index, each.metric): each.unsettled
        for index, comparison in enumerate(comparisons)
        for each in comparison.metrics
    }
    found = verdicts(ratios, higher_is_better=better, threshold=threshold, unsettled=unsettled)
    return tuple(
        replace(comparison, metrics=tuple(_worded(comparison, index, found)))
        for index, comparison in enumerate(comparisons)
    )


def _worded(
    comparison: Comparison, index: int, found: Mapping[Place, Judgement]
) -> Iterator[Compared]:
    for each in comparison.metrics:
        judgement = found.get((index, each.metric))
        if judgement is None:
            yield each
        else:
            yield replace(each, verdict=judgement.verdict, reason=judgement.reason, p=judgement.p)


def _compared(pair: Pair, axis: Collection[Axis], known: Known) -> Comparison:
    side_by_side = held(pair.target, pair.baseline, axis, known)
    one, other = pair.target, pair.baseline
    names = [name for name in PRIMARY if one.launches(name) or other.launches(name)]
    return Comparison(
        scenario=pair.scenario,
        target=pair.target.target,
        baseline=pair.baseline.target,
        paired=pair.paired,
        held=side_by_side,
        metrics=tuple(_metric(pair, name, side_by_side) for name in names),
        axis=pair.axis,
    )


def _metric(pair: Pair, name: str, side_by_side: Collection[Held]) -> Compared:
    target, baseline = pair.target.metric(name), pair.baseline.metric(name)
    known = target or baseline
    refused = "; ".join(map(_told, refusals(side_by_side, name)))
    lacking = _lacking(pair.target.target, target) or _lacking(pair.baseline.target, baseline)
    whole = not refused and not lacking
    return Compared(
        metric=name,
        unit=known.unit if known else "",
        higher_is_better=PRIMARY[name],
        target=target.value if target else None,
        baseline=baseline.value if baseline else None,
        ratio=_ratio(pair, name) if whole else None,
        verdict="refused" if refused else "unmeasured",
        reason=refused or lacking,
        unsettled=_unsettled(target, baseline) if whole else 0.0,
    )


def _lacking(side: str, metric: Metric | None) -> str:
    """Why one of the two has no value; empty where it has one."""
    if metric is not None and metric.value is not None:
        return ""
    reasons = "; ".join(metric.reasons) if metric else "it was not measured"
    return f"{side} has no value: {reasons}"


def _unsettled(*metrics: Metric | None) -> float:
    """Trends of the two may add up."""
    flags = [[flag.size for flag in metric.flags] for metric in metrics if metric is not None]
    return sum(max(sizes, default=0.0) for sizes in flags)


def _ratio(pair: Pair, name: str) -> Ratio:
    if pair.paired:
        return paired(pair.target.levelled[name], pair.baseline.levelled[name])
    target, baseline = pair.target.by_block(name), pair.baseline.by_block(name)
    return unpaired(list(target.values()), list(baseline.values()))


def _told(refusal: Held) -> str:
    rule = RULES.get(refusal.name, OPTIONS)
    return f"{refusal.name}: {refusal.target} against {refusal.baseline}: {rule.because}"
