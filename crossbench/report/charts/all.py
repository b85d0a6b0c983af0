"""Which charts a report has."""

from __future__ import annotations

from crossbench.report.charts.gaps import gaps
from crossbench.report.charts.lengths import lengths
from crossbench.report.charts.memory import memory
from crossbench.report.charts.over_time import over_time
from crossbench.report.charts.speeds import speeds
from crossbench.report.charts.svg import Chart
from crossbench.report.model import Report


def charts(report: Report) -> tuple[Chart, ...]:
    """Those its data carry, in the order a page shows them."""
    return (
        *speeds(report),
        *lengths(report),
        *gaps(report),
        *over_time(report),
        *memory(report),
    )
