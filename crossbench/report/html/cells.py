"""What stands in a cell of a results table, and what is shown when it is pointed at."""

from __future__ import annotations

from msgspec import Struct

from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.words import multiple, number, quantity, scaled, span, value

NAMED = {"faster", "slower", "tie"}
ABSENT = "\u2013"


class Shown(Struct, frozen=True, kw_only=True):
    """One value as a reader sees it."""

    value: str
    spread: str = ""
    """Its interval or range."""
    verdict: str = ""
    """The word, where the target is held against a baseline."""
    ratio: str = ""
    sort: str = ""
    """What it is sorted by; empty sorts last."""
    raw: str = ""
    """Its launches, or why there is no value."""


def shown(metric: Metric | None, compared: Compared | None) -> Shown:
    """A metric of one cell, with its verdict against the baseline's where there is one."""
    if metric is None:
        return Shown(value=ABSENT)
    if metric.value is None:
        return Shown(value=ABSENT, raw="withheld: " + "; ".join(metric.reasons))
    whole = quantity(metric.value, metric.unit)
    return Shown(
        value=whole,
        spread=value(metric).removeprefix(whole).strip(),
        verdict=compared.verdict if compared else "",
        ratio=_ratio(compared),
        sort=f"{metric.value:.9g}",
        raw=_raw(metric),
    )


def _ratio(compared: Compared | None) -> str:
    if compared is None or compared.ratio is None or compared.ratio.point is None:
        return ""
    told = f"{multiple(compared.ratio.point)}\u00d7"
    return f"{told} {span(compared.ratio.ci95)}" if compared.ratio.ci95 else told


def _raw(metric: Metric) -> str:
    """Each launch with its value, a line each."""
    assert metric.value is not None
    factor, unit = scaled(metric.value, metric.unit)
    return " | ".join(
        f"{launch} {number(value * factor)} {unit}".strip()
        for launch, value in metric.launches.items()
    )
