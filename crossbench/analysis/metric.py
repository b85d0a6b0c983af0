"""One number with everything needed to trust it or to know why it is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal["measured", "derived", "engine_reported", "modelled"]


class Metric(Struct, frozen=True, kw_only=True):
    """A value with its unit and spread, or None with the reasons why it is withheld."""

    name: str
    unit: str
    kind: Kind
    value: float | None
    n: int
    """Launches that the value rests on."""
    launches: Mapping[str, float]
    """Launch -> its own value; `value` is their geometric mean."""
    low: float | None
    high: float | None
    """Least and greatest launch value; with one launch, of its repeats."""
    reasons: tuple[str, ...] = ()
    """Why there is no value, or what was left out of it."""


def summarised(
    name: str,
    unit: str,
    *,
    launches: Mapping[str, float],
    repeats: Sequence[float] = (),
    kind: Kind = "measured",
    reasons: Sequence[str] = (),
) -> Metric:
    """The metric over launch values: their geometric mean, and the range they span.

    With a single launch the range is that of its repeats. No launch value: the value is withheld
    for the reasons given.
    """
    values = list(launches.values())
    if any(not 0 < value < math.inf for value in values):
        launches, values, reasons = {}, [], [*reasons, "a launch gave no positive finite value"]
    spread = values if len(values) > 1 else (list(repeats) or values)
    return Metric(
        name=name,
        unit=unit,
        kind=kind,
        value=geometric_mean(values) if values else None,
        n=len(values),
        launches=dict(launches),
        low=min(spread) if values else None,
        high=max(spread) if values else None,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def geometric_mean(values: Sequence[float]) -> float:
    """exp of the mean logarithm; the values are positive."""
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))
