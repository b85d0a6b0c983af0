"""What of a machine's condition concerns the targets of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crossbench.api import Finding
from crossbench.lint.conditions import conditions
from crossbench.plan.model import Plan


def condition(plan: Plan) -> Iterator[Finding]:
    """Conditions of the cards for targets on them, those of the whole machine for all."""
    on_cards = tuple(item.target for item in plan.targets if item.variant == "cuda")
    everything = tuple(item.target for item in plan.targets)
    for found in conditions(plan.machine):
        names = {"gpus": on_cards, "machine": everything}.get(found.scope)
        if names:
            yield Finding(
                rule=found.rule,
                severity=found.severity,
                targets=names,
                evidence=found.evidence,
                fix=found.fix,
            )


RULES: tuple[Callable[[Plan], Iterable[Finding]], ...] = (condition,)
