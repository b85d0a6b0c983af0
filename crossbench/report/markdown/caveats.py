"""What a reader of a few lines must not overlook: the bench card has it beside its ratios."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.analysis.instrument import UNKNOWN
from crossbench.report.headline import cell_of, columns, metric_of
from crossbench.report.markdown.panel import TITLES
from crossbench.report.model import Report
from crossbench.report.remarks import remarks
from crossbench.report.views import views


def caveats(report: Report) -> list[str]:
    """Where the instrument was overloaded, known unfairness, differences beyond the axis that
    matter, and what the panel found; each once, as plain text, in that order.
    """
    runs = [view.report for view in views(report)]
    told = list(overloads(report))
    told += [line for run in runs for line in _unfair(run)]
    told += [
        f"{each.subject}: {each.text}"
        for each in remarks(report.comparisons, report.axis)
        if each.matters
    ]
    told += [line for run in runs for line in _found(run)]
    return list(dict.fromkeys(told))


def overloads(report: Report) -> Iterator[str]:
    """One line for all cells of the headline table in which the instrument was overloaded."""
    shown = columns(report)
    found: list[str] = []
    for scenario in dict.fromkeys(column.scenario for column in shown):
        told = [column for column in shown if column.scenario == scenario]
        whose = [
            target.name
            for target in report.targets
            if _overloaded(report, target.name, scenario)
            and any(
                (metric := metric_of(report, target.name, each)) and metric.valid for each in told
            )
        ]
        if whose:
            found.append(f"{', '.join(whose)} on {scenario}")
    if found:
        yield f"instrument overloaded, it may have been the slower part: {'; '.join(found)}"


def _overloaded(report: Report, target: str, scenario: str) -> bool:
    cell = cell_of(report, target, scenario)
    return cell is not None and cell.overloaded not in (None, UNKNOWN)


def _unfair(report: Report) -> Iterator[str]:
    whose: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.severity == "unfair":
            whose.setdefault(finding.evidence, []).extend(finding.targets)
    for evidence, targets in whose.items():
        yield f"{', '.join(dict.fromkeys(targets)) or 'all'}: unfair: {evidence}"


def _found(report: Report) -> Iterator[str]:
    for check in report.checks:
        if check.found:
            yield f"{check.subject}: {TITLES[check.rule]}: {check.evidence}"
