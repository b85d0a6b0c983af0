"""Two cells held side by side on every invariant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from crossbench.comparison.invariant import Effect, Held, Invariant, State, state
from crossbench.comparison.rules import OPTIONS, RULES, Rule
from crossbench.comparison.side import Side
from crossbench.suite.tables.comparison import Axis

UNTOLD = {name: Invariant(name=name, value=None, source="not recorded") for name in RULES}
Known: TypeAlias = dict[tuple[int, int], tuple[tuple[Invariant, Invariant], Held]]
"""Two invariants, by their identity -> the two, and how they were held against each other."""
ABSENT = "left out"
"""What an option is that the suite does not give."""


def held(
    target: Side, baseline: Side, axis: Collection[Axis], known: Known | None = None
) -> tuple[Held, ...]:
    """Every invariant of the two, then the options of one engine that nothing else explains.

    `known` keeps what was held before: most invariants of a target are the same on every scenario.
    """
    known = {} if known is None else known
    one, other = ({each.name: each for each in side.invariants} for side in (target, baseline))
    found = []
    for name, rule in RULES.items():
        if name in one or name in other:
            both = one.get(name) or UNTOLD[name], other.get(name) or UNTOLD[name]
            place = id(both[0]), id(both[1])
            if place not in known:
                known[place] = both, _held(name, rule, *both, axis)
            found.append(known[place][1])
    return (*found, *_options(target, baseline, found, axis))


def refusals(found: Collection[Held], metric: str) -> Iterator[Held]:
    """The differences that make a ratio of this metric meaningless."""
    for each in found:
        if each.effect == "refusal" and metric in RULES.get(each.name, OPTIONS).refuses:
            yield each


def _held(
    name: str, rule: Rule, target: Invariant, baseline: Invariant, axis: Collection[Axis]
) -> Held:
    found = state(target.value, baseline.value)
    misleads = bool(rule.refuses) and rule.where(target.value, baseline.value)
    return Held(
        name=name,
        target=target.value,
        baseline=baseline.value,
        target_source=target.source,
        baseline_source=baseline.source,
        state=found,
        effect=_effect(found, declared=rule.axis in axis, misleads=misleads),
    )


def _effect(found: State, *, declared: bool, misleads: bool) -> Effect:
    if found != "different":
        return "none"
    if declared:
        return "axis"
    return "refusal" if misleads else "confounder"


def _options(
    target: Side, baseline: Side, found: Collection[Held], axis: Collection[Axis]
) -> Iterator[Held]:
    """Options of two engines mean different things, whatever their names."""
    if target.backend != baseline.backend:
        return
    names = sorted({*target.options, *baseline.options})
    for name in names:
        values = [_written(side.options.get(name, ABSENT)) for side in (target, baseline)]
        if values[0] == values[1] or _explained(name, values, found):
            continue
        one, other = (
            Invariant(name=f"option {name}", value=value, source="suite") for value in values
        )
        yield _held(one.name, OPTIONS, one, other, axis)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _explained(name: str, values: list[str], found: Collection[Held]) -> bool:
    """Whether an invariant shows what the option did: it has its name, or the values given."""
    return any(
        each.state == "different"
        and (
            each.name == name
            or all(
                given in (ABSENT, _written(shown))
                for given, shown in zip(values, (each.target, each.baseline), strict=True)
            )
        )
        for each in found
    )
