"""What stands in a cell of a results table, and what is shown when it is pointed at.

Made here and not by the template: a large report has a hundred thousand of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape
from msgspec import Struct

from crossbench.analysis.definitions import Each
from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.headline import Verdicts, found_of
from crossbench.report.model import CellReport
from crossbench.report.words import multiple, number, plain, quantity, scaled, span, spread

NAMED = {"faster", "slower", "tie"}
ABSENT = "\u2013"


class Shown(Struct, frozen=True, kw_only=True):
    """One value as a reader sees it."""

    value: str
    spread: str = ""
    """Its interval or range: nothing but numbers, as in `ratio`."""
    verdict: str = ""
    """The word, where the target is held against a baseline."""
    ratio: str = ""
    unpaired: bool = False
    """Whether it was measured in another run than the baseline."""
    sort: str = ""
    """What it is sorted by; empty sorts last."""


def cell(measured: CellReport | None, name: str, compared: Compared | None, whole: bool) -> Markup:
    """The cell of one metric, with what is shown on pointing where the `whole` page is made."""
    return Markup(_cell(measured, name, compared, whole))  # noqa: S704  # all text is escaped


def row(
    measured: CellReport, names: Sequence[str], verdicts: Verdicts, scenario: str, whole: bool
) -> Markup:
    """The cells of these metrics, one below the other."""
    return Markup(  # noqa: S704  # what is not a number is escaped
        "\n".join(
            _cell(measured, name, verdicts.of(scenario, measured.target, name), whole)
            for name in names
        )
    )


def _cell(measured: CellReport | None, name: str, compared: Compared | None, whole: bool) -> str:
    metric = found_of(measured, name) if measured is not None else None
    found = shown(metric, compared)
    samples = measured.samples.get(name, {}) if measured is not None else {}
    told = _raw(metric, samples) if metric is not None and whole else ""
    raw = f' data-raw="{_escaped(told)}"' if told else ""
    parts = [
        f'<td class="num" data-sort="{found.sort}"{raw}>\n',
        f'<span class="value">{_escaped(found.value)}</span>\n',
    ]
    if found.spread:
        parts.append(f'<span class="spread">{found.spread}</span>\n')
    if found.verdict:
        words = f"{found.ratio} {found.verdict}"
        parts.append(f'<span class="verdict {found.verdict}">{words}</span>\n')
    if found.unpaired:
        parts.append('<span class="spread">unpaired</span>\n')
    parts.append("</td>")
    return "".join(parts)


def _escaped(text: str) -> str:
    return str(escape(plain(text)))


def shown(metric: Metric | None, compared: Compared | None) -> Shown:
    """A metric of one cell, with its verdict against the baseline's where there is one."""
    if metric is None or metric.value is None:
        return Shown(value=ABSENT)
    return Shown(
        value=quantity(metric.value, metric.unit),
        spread=spread(metric),
        verdict=compared.verdict if compared else "",
        ratio=_ratio(compared),
        unpaired=compared is not None and compared.ratio is not None and not compared.ratio.paired,
        sort=f"{metric.value:.9g}",
    )


def _ratio(compared: Compared | None) -> str:
    if compared is None or compared.ratio is None or compared.ratio.point is None:
        return ""
    told = f"{multiple(compared.ratio.point)}\u00d7"
    return f"{told} {span(compared.ratio.ci95)}" if compared.ratio.ci95 else told


def _raw(metric: Metric, samples: Each) -> str:
    """Each launch with its value and its samples', a line each, or why there is no value."""
    if metric.value is None:
        return "withheld: " + "; ".join(metric.reasons)
    factor, unit = scaled(metric.value, metric.unit)
    return " | ".join(
        f"{launch} {number(value * factor)} {unit}".strip()
        + (f": {' '.join(number(each * factor) for each in samples[launch])}" if samples else "")
        for launch, value in metric.launches.items()
    )
