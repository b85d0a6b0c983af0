"""The answer in words, the headline table, the charts, and the bench card of a forum post."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.report.answer import answer
from crossbench.report.charts.svg import Chart
from crossbench.report.headline import Column, Verdicts, columns, metric_of
from crossbench.report.markdown.comparison import NAMED, ratio
from crossbench.report.model import Report, TargetReport
from crossbench.report.weights import bits
from crossbench.report.words import TITLES, code, counted, escaped, size, table, value

NONE = "\u2013"
MOST_ROWS = 16
"""Of a bench card."""


def headline(report: Report) -> Iterator[str]:
    """Three lines of words and one table."""
    yield "\n".join(f"- {escaped(line)}" for line in answer(report))
    if report.targets:
        yield _table(report, report.targets)


def charts(drawn: Sequence[Chart]) -> Iterator[str]:
    """Links to the files beside the report."""
    if drawn:
        yield "## Charts"
        yield "\n\n".join(f"![{escaped(chart.title)}](charts/{chart.name}.svg)" for chart in drawn)


def card(report: Report) -> str:
    """At most 40 lines to paste: answer, headline, machine, and where it comes from."""
    machine, protocol = report.machine, report.protocol
    devices = f", {escaped(', '.join(machine.cuda_devices))}" if machine.cuda_devices else ""
    left = len(report.targets) - MOST_ROWS
    lines = [
        f"**{escaped(report.title)}**",
        "",
        f"{escaped(report.model)} on {escaped(machine.cpu)}, {size(machine.memory_bytes)}"
        f"{devices}; {escaped(machine.system)}",
        "",
        *(f"- {escaped(line)}" for line in answer(report)),
        "",
        _table(report, report.targets[:MOST_ROWS]),
        *([f"{counted(left, 'further target')} not shown."] if left > 0 else []),
        "",
        f"{counted(protocol.launches, 'launch')} x {counted(protocol.repeats, 'repeat')}, "
        f"interleaved, {_cold(report)}; {_spread(report)}; run {escaped(report.outcome)}"
        f"{_absent(report)}. crossbench {escaped(report.crossbench)}, definitions "
        f"{report.definitions}, {escaped(report.started)}, suite {code(report.suite)} sha256 "
        f"{code(report.suite_sha256[:16])}.",
    ]
    return "\n".join(lines) + "\n"


def _spread(report: Report) -> str:
    return "[95 % intervals]" if report.protocol.launches > 2 else "(ranges), no intervals"


def _cold(report: Report) -> str:
    states = {cell.cache for scenario in report.scenarios for cell in scenario.cells}
    return "every prompt proven cold" if states == {"cold"} else "not every prompt proven cold"


def _absent(report: Report) -> str:
    count = len(report.non_results)
    return f", {counted(count, 'cell')} not measured" if count else ""


def _table(report: Report, targets: Sequence[TargetReport]) -> str:
    shown, verdicts = columns(report), Verdicts(report)
    quality = _quality(report)
    rows = [
        [
            escaped(target.name) + (" (baseline)" if target.name == report.baseline else ""),
            bits(target.loaded) or NONE,
            *(_cell(report, target.name, column, verdicts) for column in shown),
            *([quality.get(target.name, NONE)] if quality else []),
        ]
        for target in targets
    ]
    titles = [f"{TITLES[each.metric]}, {escaped(each.scenario)}" for each in shown]
    header = ["target", "bits/weight", *titles, *(["bits/byte"] if quality else [])]
    return table(header, rows, numeric=len(header) - 1)


def _quality(report: Report) -> dict[str, str]:
    """Target -> its bits per byte; empty where the suite scores nothing."""
    return {
        each.target: "not measured" if each.bits_per_byte is None else f"{each.bits_per_byte:.5f}"
        for each in (report.scoring.targets if report.scoring else ())
    }


def _cell(report: Report, target: str, column: Column, verdicts: Verdicts) -> str:
    metric = metric_of(report, target, column)
    if metric is None:
        return NONE
    compared = verdicts.of(column.scenario, target, column.metric)
    if compared is None:
        return value(metric)
    word = f"**{compared.verdict}**" if compared.verdict in NAMED else compared.verdict
    held = f"{ratio(compared).partition(' ')[0]} {word}".strip()
    return f"{value(metric)}, {held}"
