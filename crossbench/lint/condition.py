"""Something about a machine that a measurement would show, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.api import Severity
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice

Scope: TypeAlias = Literal["gpus", "machine", "doctor"]
"""What runs on its CUDA devices; everything; whoever looks after the machine, and no plan."""


class Condition(Struct, frozen=True, kw_only=True):
    """One such thing."""

    rule: str
    severity: Severity
    scope: Scope
    """What it concerns."""
    evidence: str
    fix: str


Rule: TypeAlias = Callable[[Machine], Iterator[Condition]]
Tell: TypeAlias = Callable[[NvidiaDevice], str | None]
"""What there is to say of one card; nothing, or None, where all is well."""


def of_gpus(
    rule: str, severity: Severity, told: list[str], fix: str, scope: Scope = "gpus"
) -> Iterator[Condition]:
    """One about cards, where something is told of any."""
    if told:
        yield Condition(
            rule=rule, severity=severity, scope=scope, evidence="; ".join(told), fix=fix
        )


def of_each_card(rule: str, severity: Severity, fix: str) -> Callable[[Tell], Rule]:
    """What tells something of one card, made a rule about all cards of a machine."""

    def made(tell: Tell) -> Rule:
        @wraps(tell)
        def condition(machine: Machine) -> Iterator[Condition]:
            said = ((place, tell(gpu)) for place, gpu in enumerate(machine.gpus))
            evidence = [f"GPU {place}: {told}" for place, told in said if told]
            yield from of_gpus(rule, severity, evidence, fix)

        return condition

    return made
