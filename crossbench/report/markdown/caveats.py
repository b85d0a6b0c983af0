"""What a reader of a few lines must not overlook: the bench card has it beside its ratios."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.report.markdown.panel import TITLES
from crossbench.report.model import Report
from crossbench.report.remarks import remarks
from crossbench.report.views import views


def caveats(report: Report) -> list[str]:
    """Known unfairness, differences beyond the axis that matter, and what the panel found; each
    once, as plain text, in that order.
    """
    runs = [view.report for view in views(report)]
    told = [line for run in runs for line in _unfair(run)]
    told += [
        f"{each.subject}: {each.text}"
        for each in remarks(report.comparisons, report.axis)
        if each.matters
    ]
    told += [line for run in runs for line in _found(run)]
    return list(dict.fromkeys(told))


def _unfair(report: Report) -> Iterator[str]:
    for finding in report.findings:
        if finding.severity == "unfair":
            yield f"{', '.join(finding.targets) or 'all'}: unfair: {finding.evidence}"


def _found(report: Report) -> Iterator[str]:
    for check in report.checks:
        if check.found:
            yield f"{check.subject}: {TITLES[check.rule]}: {check.evidence}"
