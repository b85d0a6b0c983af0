"""What must be alike for a ratio of two cells to mean anything, and how alike it was found."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from msgspec import Struct

State: TypeAlias = Literal["equal", "different", "unknown"]
Effect: TypeAlias = Literal["none", "axis", "confounder", "refusal"]
Value: TypeAlias = str | float | None

TOLERANCE = 0.02
"""Engines count the bits of one artifact a little differently: norms, padding, scales."""


class Invariant(Struct, frozen=True, kw_only=True):
    """One fact of a cell, as text or as a number."""

    name: str
    value: Value
    """None where it is not known."""
    source: str
    """Where it was read: plan, samples, machine, suite, environment, or the engine's own source."""


class Held(Struct, frozen=True, kw_only=True):
    """One invariant of two cells, side by side."""

    name: str
    target: Value
    baseline: Value
    target_source: str
    baseline_source: str
    state: State
    effect: Effect
    """What a difference does: it is the declared axis, it is named beside the ratio, or it makes
    ratios of some metrics meaningless; "none" where nothing is known to differ."""


def state(one: Value, other: Value) -> State:
    """Whether two values are the same; numbers are within `TOLERANCE` of each other."""
    if one is None or other is None:
        return "unknown"
    if isinstance(one, float) and isinstance(other, float):
        return "equal" if math.isclose(one, other, rel_tol=TOLERANCE) else "different"
    return "equal" if one == other else "different"
