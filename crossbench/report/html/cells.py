"""What stands in a cell of a results table, and what is shown when it is pointed at.

Made here and not by the template: a large report has a hundred thousand of them.
"""

from __future__ import annotations

from markupsafe import Markup, escape
from msgspec import Struct

from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.words import multiple, number, plain, quantity, scaled, span, value

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
    unpaired: bool = False
    """Whether it was measured in another run than the baseline."""
    sort: str = ""
    """What it is sorted by; empty sorts last."""
    raw: str = ""
    """Its launches, or why there is no value."""


def cell(metric: Metric | None, compared: Compared | None, whole: bool) -> Markup:
    """The cell as HTML, with what is shown on pointing where the `whole` page is made."""
    found = shown(metric, compared)
    raw = f' data-raw="{_escaped(found.raw)}"' if found.raw and whole else ""
    parts = [
        f'<td class="num" data-sort="{found.sort}"{raw}>\n',
        f'<span class="value">{_escaped(found.value)}</span>\n',
    ]
    if found.spread:
        parts.append(f'<span class="spread">{_escaped(found.spread)}</span>\n')
    if found.verdict:
        words = f"{_escaped(found.ratio)} {found.verdict}"
        parts.append(f'<span class="verdict {found.verdict}">{words}</span>\n')
    if found.unpaired:
        parts.append('<span class="spread">unpaired</span>\n')
    parts.append("</td>")
    return Markup("".join(parts))  # noqa: S704  # every text in it is escaped


def _escaped(text: str) -> str:
    return str(escape(plain(text)))


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
        unpaired=compared is not None and compared.ratio is not None and not compared.ratio.paired,
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
