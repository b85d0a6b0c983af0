"""Something about a machine that a measurement would show, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.api import Severity

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


def of_gpus(
    rule: str, severity: Severity, told: list[str], fix: str, scope: Scope = "gpus"
) -> Iterator[Condition]:
    """One about cards, where something is told of any."""
    if told:
        yield Condition(
            rule=rule, severity=severity, scope=scope, evidence="; ".join(told), fix=fix
        )
