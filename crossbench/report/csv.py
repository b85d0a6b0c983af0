"""`report.csv`: tidy, one row for each cell and metric, for spreadsheets and data frames."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import lru_cache
from io import StringIO

from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.headline import Verdicts
from crossbench.report.model import CellReport, QualityReport, Report
from crossbench.report.words import plain

COLUMNS = (
    "suite",
    "started",
    "scenario",
    "target",
    "backend",
    "metric",
    "unit",
    "kind",
    "value",
    "ci95_low",
    "ci95_high",
    "least",
    "greatest",
    "launches",
    "reasons",
    "flags",
    "cache",
    "valid_samples",
    "planned_samples",
    "baseline",
    "ratio",
    "ratio_ci95_low",
    "ratio_ci95_high",
    "verdict",
    "verdict_reason",
)
_FORMULA = ("=", "+", "-", "@")

Row = dict[str, str]


def render(report: Report) -> str:
    """The table. What a row has no value for is empty; a withheld value's `reasons` say why."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(report))
    return text.getvalue()


def rows(report: Report) -> Iterator[Row]:
    """Every metric of every cell, then what targets have as a whole, with an empty scenario."""
    verdicts = Verdicts(report)
    backends = {target.name: target.backend for target in report.targets}
    run = {"suite": _safe(report.suite), "started": _safe(report.started)}
    for scenario in report.scenarios:
        for cell in scenario.cells:
            place = {
                **run,
                "scenario": _safe(scenario.name),
                "target": _safe(cell.target),
                "backend": _safe(backends.get(cell.target, "")),
                **_samples(cell),
            }
            for metric in cell.metrics:
                compared = verdicts.of(scenario.name, cell.target, metric.name)
                yield {**place, **_metric(metric), **_compared(compared, report.baseline)}
    for target in report.targets:
        whole = {**run, "target": _safe(target.name), "backend": _safe(target.backend)}
        yield from ({**whole, **_metric(metric)} for metric in target.metrics)
    for scored in report.scoring.targets if report.scoring else ():
        backend = _safe(backends.get(scored.target, ""))
        yield {**run, "target": _safe(scored.target), "backend": backend, **_quality(scored)}


def _samples(cell: CellReport) -> Row:
    return {
        "cache": _safe(cell.cache),
        "valid_samples": str(cell.valid_samples),
        "planned_samples": str(cell.planned_samples),
    }


def _metric(metric: Metric) -> Row:
    ci95 = metric.ci95
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "kind": metric.kind,
        "value": _number(metric.value),
        "ci95_low": _number(ci95.low if ci95 else None),
        "ci95_high": _number(ci95.high if ci95 else None),
        "least": _number(metric.low),
        "greatest": _number(metric.high),
        "launches": str(metric.n),
        "reasons": _safe("; ".join(metric.reasons)),
        "flags": _safe("; ".join(flag.name for flag in metric.flags)),
    }


def _compared(found: Compared | None, baseline: str | None) -> Row:
    if found is None:
        return {}
    ratio = found.ratio
    ci95 = ratio.ci95 if ratio else None
    return {
        "baseline": _safe(baseline or ""),
        "ratio": _number(ratio.point if ratio else None),
        "ratio_ci95_low": _number(ci95.low if ci95 else None),
        "ratio_ci95_high": _number(ci95.high if ci95 else None),
        "verdict": found.verdict,
        "verdict_reason": _safe(found.reason),
    }


def _quality(scored: QualityReport) -> Row:
    return {
        "metric": "bits_per_byte",
        "unit": "bits/byte",
        "kind": "measured",
        "value": _number(scored.bits_per_byte),
        "reasons": _safe(scored.reason or ""),
    }


def _number(value: float | None) -> str:
    """All its digits, so that nothing is lost."""
    return "" if value is None else repr(value)


@lru_cache(maxsize=4096)
def _safe(text: str) -> str:
    """Text from outside on one line, and never a formula to a spreadsheet."""
    shown = plain(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
