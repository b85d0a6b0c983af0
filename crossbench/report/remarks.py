"""What stands beside ratios: why one is missing or open, what else differs, what is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from crossbench.comparison.compare import Comparison
from crossbench.comparison.invariant import Held, Value
from crossbench.comparison.rules import OPTIONS, RULES
from crossbench.report.words import TITLES, counted, number


class Remark(Struct, frozen=True, kw_only=True):
    """One sentence on the comparisons of some targets, as plain text."""

    subject: str
    """The targets, and the scenarios of one where these are not all of its own."""
    text: str
    matters: bool
    """Whether a reader who overlooks it would be misled."""


Told: TypeAlias = tuple[str, bool]
"""The text of a remark, and whether it matters."""


def remarks(comparisons: Sequence[Comparison], axis: Collection[str]) -> Iterator[Remark]:
    """All of them, the weightiest first, each said once for all it holds for; `axis` is that of
    comparisons without one of their own."""
    yield from _merged(comparisons, _refused)
    yield from _merged(comparisons, lambda each: _confounded(each, axis))
    yield from _merged(comparisons, _unmeasured)
    yield from _merged(comparisons, _undecided)
    yield from _merged(comparisons, _unpaired)
    yield from _merged(comparisons, _unknown)


def _merged(
    comparisons: Sequence[Comparison], say: Callable[[Comparison], Iterator[Told]]
) -> Iterator[Remark]:
    scenarios: dict[str, list[str]] = {}
    told: dict[Told, dict[str, list[str]]] = {}
    called = _called(comparisons)
    for each in comparisons:
        name = called[each.target, each.baseline]
        scenarios.setdefault(name, []).append(each.scenario)
        for remark in say(each):
            told.setdefault(remark, {}).setdefault(name, []).append(each.scenario)
    for (text, matters), on in told.items():
        subjects = [
            name if on[name] == scenarios[name] else f"{name} on {', '.join(on[name])}"
            for name in on
        ]
        yield Remark(subject="; ".join(subjects), text=text, matters=matters)


def _called(comparisons: Sequence[Comparison]) -> dict[tuple[str, str], str]:
    """A target and its baseline -> the target's name, with the baseline where it has several."""
    pairs = dict.fromkeys((each.target, each.baseline) for each in comparisons)
    times = Counter(target for target, _ in pairs)
    return {
        (target, baseline): f"{target} against {baseline}" if times[target] > 1 else target
        for target, baseline in pairs
    }


def _refused(comparison: Comparison) -> Iterator[Told]:
    for reason, titles in _reasons(comparison, "refused").items():
        yield f"no ratio of {titles}: {reason}", True


def _unmeasured(comparison: Comparison) -> Iterator[Told]:
    for reason, titles in _reasons(comparison, "unmeasured").items():
        yield f"no ratio of {titles}: {reason}", False


def _undecided(comparison: Comparison) -> Iterator[Told]:
    for reason, titles in _reasons(comparison, "inconclusive").items():
        yield f"{titles} inconclusive: {reason}", False


def _unpaired(comparison: Comparison) -> Iterator[Told]:
    """Launches without a partner, where a verdict stands all the same."""
    dropped: dict[int, list[str]] = {}
    for each in comparison.metrics:
        if each.ratio is not None and each.ratio.dropped:
            dropped.setdefault(each.ratio.dropped, []).append(TITLES[each.metric])
    for count, titles in dropped.items():
        launches = counted(count, "launch")
        yield f"{', '.join(titles)}: {launches} left out, without a partner in their block", False


def _reasons(comparison: Comparison, verdict: str) -> dict[str, str]:
    """Reason -> the metrics of that verdict that share it."""
    reasons: dict[str, list[str]] = {}
    for each in comparison.metrics:
        if each.verdict == verdict:
            reasons.setdefault(each.reason, []).append(TITLES[each.metric])
    return {reason: ", ".join(titles) for reason, titles in reasons.items()}


def _confounded(comparison: Comparison, axis: Collection[str]) -> Iterator[Told]:
    told = [each for each in comparison.confounders if not _refuses_all(comparison, each)]
    if told:
        named = "; ".join(map(side_by_side, told))
        declared = axis if comparison.axis is None else comparison.axis
        besides = f"besides {', '.join(declared)} " if declared else ""
        yield f"{besides}it differs in {named}", True


def _refuses_all(comparison: Comparison, each: Held) -> bool:
    """Whether it leaves no ratio to stand beside, and is told as the reason for that."""
    rule = RULES.get(each.name, OPTIONS)
    measured = {compared.metric for compared in comparison.metrics}
    return each.effect == "refusal" and measured <= rule.refuses


def _unknown(comparison: Comparison) -> Iterator[Told]:
    if comparison.unknown:
        yield f"not known of both: {', '.join(comparison.unknown)}", False


def side_by_side(each: Held) -> str:
    """`threads 2 against 1`."""
    return f"{each.name} {_value(each.target)} against {_value(each.baseline)}"


def _value(given: Value) -> str:
    if given is None:
        return "unknown"
    return number(given) if isinstance(given, float) else given
