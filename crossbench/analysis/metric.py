"""One number with everything needed to trust it or to know why it is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.statistics.interval import cell
from crossbench.statistics.logmean import Interval, unusable
from crossbench.statistics.trend import Flag, outliers, trend
from crossbench.statistics.verdict import PRIMARY

Kind: TypeAlias = Literal["measured", "derived", "engine_reported", "modelled"]


class Metric(Struct, frozen=True, kw_only=True):
    """A value with its unit, interval and range, or None with the reasons why it is withheld."""

    name: str
    unit: str
    kind: Kind
    value: float | None
    valid: bool
    """Whether there is a value to trust; without one the reasons say why."""
    n: int
    """Launches that the value rests on."""
    launches: Mapping[str, float]
    """Launch -> its own value; `value` is their geometric mean, or else of all of them pooled."""
    ci95: Interval | None = None
    """95 % interval, over launches; None where they do not support one. Of a share it is at least
    as wide as that of independent trials, which needs no launches."""
    no_interval: str | None = None
    """Why a value stands without an interval."""
    low: float | None
    high: float | None
    """Least and greatest launch value; with one launch, of its repeats."""
    reasons: tuple[str, ...] = ()
    """Why there is no value, or what was left out of it."""
    flags: tuple[Flag, ...] = ()
    """What a reader should know before believing it; nothing is dropped for these."""


def summarised(
    name: str,
    unit: str,
    *,
    launches: Mapping[str, float],
    repeats: Mapping[str, Sequence[float]] = {},
    kind: Kind = "measured",
    reasons: Sequence[str] = (),
) -> Metric:
    """The metric over launch values: their geometric mean, its interval, and the range they span.

    `repeats`: launch -> the value of each pass, in order. With a single launch the range is that of
    its repeats. No launch value: the value is withheld for the reasons given.
    """
    values = list(launches.values())
    if values and unusable(values):
        launches, values = {}, []
        reasons = [*reasons, "a launch gave no positive finite value"]
    estimate = cell(values)
    spread = values if len(values) > 1 else [*repeats.get(next(iter(launches), ""), ())] or values
    return Metric(
        name=name,
        unit=unit,
        kind=kind,
        value=estimate.point,
        valid=estimate.point is not None,
        n=len(values),
        launches=dict(launches),
        ci95=estimate.interval,
        no_interval="; ".join(estimate.reasons) or None if values else None,
        low=min(spread) if values else None,
        high=max(spread) if values else None,
        reasons=tuple(dict.fromkeys(reasons)),
        flags=_flags(name, launches, repeats) if values else (),
    )


def _flags(
    name: str, launches: Mapping[str, float], repeats: Mapping[str, Sequence[float]]
) -> tuple[Flag, ...]:
    """Only of what is compared: other metrics are made of the same samples."""
    if name not in PRIMARY:
        return ()
    return (*trend(repeats, higher_is_better=PRIMARY[name]), *outliers(launches))
