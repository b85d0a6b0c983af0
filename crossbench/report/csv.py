"""`report.csv`: tidy, one row for each cell and metric, for spreadsheets and data frames."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import lru_cache
from io import StringIO
from typing import TypeAlias

from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.headline import Verdicts
from crossbench.report.model import CellReport, Report, RunReport, ScenarioReport
from crossbench.report.quality_model import QualityReport
from crossbench.report.views import run_of
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
    "paired",
    "run",
    "load",
    "level",
)
_FORMULA = ("=", "+", "-", "@")

Row: TypeAlias = tuple[str, ...]
"""Values in the order of `COLUMNS`."""
NO_CELL = ("", "", "")
NOT_COMPARED = ("",) * 7
NO_LOAD = ("", "")


def render(report: Report) -> str:
    """The table. What a row has no value for is empty; a withheld value's `reasons` say why."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(report))
    return text.getvalue()


def rows(report: Report) -> Iterator[Row]:
    """Every metric of every cell, then what targets have as a whole, with an empty scenario."""
    verdicts = Verdicts(report)
    baseline = _safe(report.baseline or "")
    backends = {target.name: target.backend for target in report.targets}
    runs = {target.name: _run(report, target.name) for target in report.targets}
    for scenario in report.scenarios:
        load = _load(scenario)
        for cell in scenario.cells:
            *run, label = runs[cell.target]
            place = (*run, _safe(scenario.name), _safe(cell.target), _safe(backends[cell.target]))
            samples = _samples(cell)
            for metric in cell.metrics:
                compared = verdicts.of(scenario.name, cell.target, metric.name)
                held = _compared(compared, baseline)
                yield (*place, *_metric(metric), *samples, *held, label, *load)
    for target in report.targets:
        *run, label = runs[target.name]
        place = (*run, "", _safe(target.name), _safe(target.backend))
        for metric in target.metrics:
            yield (*place, *_metric(metric), *NO_CELL, *NOT_COMPARED, label, *NO_LOAD)
    for scored in report.scoring.targets if report.scoring else ():
        *run, label = _run(report, scored.target)
        place = (*run, "", _safe(scored.target), _safe(backends.get(scored.target, "")))
        yield (*place, *_quality(scored), *NO_CELL, *NOT_COMPARED, label, *NO_LOAD)


def _run(report: Report, target: str) -> Row:
    """The run that measured the target; its label where there are several."""
    run = run_of(report, target)
    label = run.label if isinstance(run, RunReport) else ""
    return _safe(run.suite), _safe(run.started), _safe(label)


def _load(scenario: ScenarioReport) -> Row:
    """Which load, and which level of it."""
    load = scenario.load
    return NO_LOAD if load is None else (_safe(load.of), _number(load.level))


def _samples(cell: CellReport) -> Row:
    return _safe(cell.cache), str(cell.valid_samples), str(cell.planned_samples)


def _metric(metric: Metric) -> Row:
    ci95 = metric.ci95
    return (
        metric.name,
        metric.unit,
        metric.kind,
        _number(metric.value),
        _number(ci95.low if ci95 else None),
        _number(ci95.high if ci95 else None),
        _number(metric.low),
        _number(metric.high),
        str(metric.n),
        _safe("; ".join(metric.reasons)) if metric.reasons else "",
        _safe("; ".join(flag.name for flag in metric.flags)) if metric.flags else "",
    )


def _compared(found: Compared | None, baseline: str) -> Row:
    if found is None:
        return NOT_COMPARED
    ratio = found.ratio
    ci95 = ratio.ci95 if ratio else None
    return (
        baseline,
        _number(ratio.point if ratio else None),
        _number(ci95.low if ci95 else None),
        _number(ci95.high if ci95 else None),
        found.verdict,
        _safe(found.reason),
        "" if ratio is None else "yes" if ratio.paired else "no",
    )


def _quality(scored: QualityReport) -> Row:
    value, reason = _number(scored.bits_per_byte), _safe(scored.reason or "")
    return ("bits_per_byte", "bits/byte", "measured", value, "", "", "", "", "", reason, "")


def _number(value: float | None) -> str:
    """All its digits, so that nothing is lost."""
    return "" if value is None else repr(value)


@lru_cache(maxsize=4096)
def _safe(text: str) -> str:
    """Text from outside on one line, and never a formula to a spreadsheet."""
    shown = plain(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
