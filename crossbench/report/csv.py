"""`report.csv`: tidy, one row for each cell and metric, for spreadsheets and data frames."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import lru_cache
from io import StringIO
from typing import TypeAlias

from crossbench.analysis.instrument import UNKNOWN
from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Compared
from crossbench.report.company_model import Interference, Scaling, ScalingRow
from crossbench.report.headline import Verdicts
from crossbench.report.model import CellReport, NonResultReport, Report, RunReport, ScenarioReport
from crossbench.report.quality_model import QualityReport
from crossbench.report.views import run_of, views
from crossbench.report.words import plain
from crossbench.statistics.ratio import Ratio

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
PAIRED = {True: "yes", False: "no"}


def render(report: Report) -> str:
    """The table. What a row has no value for is empty; a withheld value's `reasons` say why."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(report))
    return text.getvalue()


def rows(report: Report) -> Iterator[Row]:
    """Every metric of every cell; what targets have as a whole, with an empty scenario; how they
    share devices, and what works beside them costs; and what was not measured, in its one word."""
    yield from _cells(report)
    for target in report.targets:
        for metric in target.metrics:
            yield _row(report, target.name, "", _metric(metric))
    for scored in report.scoring.targets if report.scoring else ():
        yield _row(report, scored.target, "", _quality(scored))
    for view in views(report):
        for scaling in view.report.scaling:
            yield from (_scaling(report, scaling, row) for row in scaling.rows)
        for found in view.report.interference:
            yield from _interference(report, found)
    for missing in report.non_results:
        told = _valueless(missing.word, "non-result", _reason(missing))
        yield _row(report, missing.target, missing.scenario or "", told)


def _cells(report: Report) -> Iterator[Row]:
    verdicts = Verdicts(report)
    baseline = _safe(report.baseline or "")
    backends = {target.name: target.backend for target in report.targets}
    runs = {target.name: _run(report, target.name) for target in report.targets}
    for scenario in report.scenarios:
        load = _load(scenario)
        for cell in scenario.cells:
            *run, label = runs[cell.target]
            place = (*run, _safe(scenario.name), _safe(cell.target), _safe(backends[cell.target]))
            samples, beside = _samples(cell), _overloaded(cell)
            for metric in cell.metrics:
                compared = verdicts.of(scenario.name, cell.target, metric.name)
                held = _compared(compared, baseline)
                yield (*place, *_metric(metric, *beside), *samples, *held, label, *load)


def _row(
    report: Report,
    target: str,
    scenario: str,
    metric: Row,
    compared: Row = NOT_COMPARED,
    load: Row = NO_LOAD,
) -> Row:
    """What is told of a target aside from its cells."""
    backend = next((each.backend for each in report.targets if each.name == target), "")
    *run, label = _run(report, target)
    place = (*run, _safe(scenario), _safe(target), _safe(backend))
    return (*place, *metric, *NO_CELL, *compared, label, *load)


def _valueless(name: str, kind: str, reason: str) -> Row:
    return (name, "", kind, "", "", "", "", "", "", _safe(reason), "")


def _reason(missing: NonResultReport) -> str:
    told = [missing.launch, missing.kind, missing.reason]
    return ": ".join(filter(None, told))


def _scaling(report: Report, scaling: Scaling, row: ScalingRow) -> Row:
    """Its efficiency, and its throughput over the baseline's as the ratio."""
    made = _ratio("scaling_efficiency", row.efficiency, row.withheld or "")
    baseline = _safe(scaling.baseline or "")
    held = (
        NOT_COMPARED
        if row.speedup is None
        else (baseline, *_span(row.speedup), "", "", PAIRED[row.speedup.paired])
    )
    load = next((each.load for each in report.scenarios if each.name == row.scenario), None)
    level = (_safe(scaling.load), _number(load.level) if load else "")
    return _row(report, row.target, row.scenario, made, held, level)


def _interference(report: Report, found: Interference) -> Iterator[Row]:
    """Each metric beside the background over alone."""
    if found.comparison is None:
        made = _valueless("interference", "derived", found.withheld or "")
        yield _row(report, found.target, found.disturbed, made)
        return
    for each in found.comparison.metrics:
        made = _ratio(f"interference_{each.metric}", each.ratio, each.reason)
        held = _compared(each, _safe(found.quiet))
        yield _row(report, found.target, found.disturbed, made, held)


def _ratio(name: str, ratio: Ratio | None, reason: str) -> Row:
    count = str(ratio.n) if ratio else ""
    return (name, "x", "derived", *_span(ratio), "", "", count, _safe(reason), "")


def _span(ratio: Ratio | None) -> Row:
    """Its point and its 95 % interval."""
    ci95 = ratio.ci95 if ratio else None
    bounds = (
        ratio.point if ratio else None,
        ci95.low if ci95 else None,
        ci95.high if ci95 else None,
    )
    return tuple(map(_number, bounds))


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


def _overloaded(cell: CellReport) -> Row:
    """The flag of all metrics of a cell in which the instrument may have been the slower part."""
    return () if cell.overloaded in (None, UNKNOWN) else ("instrument overloaded",)


def _metric(metric: Metric, *beside: str) -> Row:
    """With the flags of its cell."""
    ci95, flags = metric.ci95, [*(flag.name for flag in metric.flags), *beside]
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
        _safe("; ".join(flags)) if flags else "",
    )


def _compared(found: Compared | None, baseline: str) -> Row:
    if found is None:
        return NOT_COMPARED
    paired = "" if found.ratio is None else PAIRED[found.ratio.paired]
    return (baseline, *_span(found.ratio), found.verdict, _safe(found.reason), paired)


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
