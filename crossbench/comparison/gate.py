"""`--fail-on 'slower>5%'`: what of a comparison fails a build.

A condition is judged by the verdict at its own threshold: the difference must be shown beyond
noise, corrected over everything compared, and its point must exceed the percentage. What is
inconclusive, refused or unmeasured fails nothing, unless the gate is strict.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

from msgspec import Struct

from crossbench.comparison.compare import Compared, Comparison, judged
from crossbench.errors import InputError

Direction: TypeAlias = Literal["slower", "faster"]

_CONDITION = re.compile(r"\s*(slower|faster)\s*>\s*(\d+(?:\.\d+)?)\s*%\s*")
UNDECIDED = frozenset({"inconclusive", "refused", "unmeasured"})


class Condition(Struct, frozen=True):
    """What must not be."""

    direction: Direction
    percent: float

    def __str__(self) -> str:
        return f"{self.direction}>{self.percent:g}%"


class Trip(Struct, frozen=True):
    """One metric of one comparison that fails the condition."""

    comparison: Comparison
    compared: Compared


def parse(written: str) -> Condition:
    """`slower>5%` or `faster>2.5%`. Raises InputError."""
    found = _CONDITION.fullmatch(written)
    if found is None or not 0 < float(found[2]) < 1000:
        raise InputError(
            f"--fail-on {written}: expected slower>N% or faster>N%, with N above 0 and below 1000, "
            "such as --fail-on 'slower>5%'"
        )
    return Condition(cast(Direction, found[1]), float(found[2]))


def trips(
    comparisons: Sequence[Comparison], condition: Condition, *, strict: bool
) -> tuple[Trip, ...]:
    """What fails the condition; with `strict` also what could not be decided."""
    wanted = {condition.direction, *(UNDECIDED if strict else ())}
    return tuple(
        Trip(comparison, compared)
        for comparison in judged(comparisons, condition.percent / 100)
        for compared in comparison.metrics
        if compared.verdict in wanted
    )
