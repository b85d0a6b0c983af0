"""Which charts a report has."""

from __future__ import annotations

from msgspec.structs import replace

from crossbench.report.charts.gaps import gaps
from crossbench.report.charts.latency import latency
from crossbench.report.charts.lengths import lengths
from crossbench.report.charts.memory import memory
from crossbench.report.charts.over_time import over_time
from crossbench.report.charts.pareto import pareto
from crossbench.report.charts.speeds import speeds
from crossbench.report.charts.svg import Chart
from crossbench.report.model import Report
from crossbench.report.views import views


def charts(report: Report) -> tuple[Chart, ...]:
    """Those its data carry, in the order a page shows them."""
    return (
        *speeds(report),
        *lengths(report),
        *pareto(report),
        *gaps(report),
        *latency(report),
        *(
            replace(chart, name=f"{chart.name}-{number}" if number > 1 else chart.name)
            for number, view in enumerate(views(report), 1)
            for chart in over_time(view.report, [target.name for target in report.targets])
        ),
        *memory(report),
    )
