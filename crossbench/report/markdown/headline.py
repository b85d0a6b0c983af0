"""The answer in words, the headline table, the charts, and the bench card of a forum post."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.report.answer import answer
from crossbench.report.charts.svg import Chart
from crossbench.report.headline import Column, Verdicts, columns, metric_of
from crossbench.report.markdown.caveats import caveats, overloads
from crossbench.report.markdown.command import command_line
from crossbench.report.markdown.comparison import APART, NAMED, ratio
from crossbench.report.markdown.results import costs
from crossbench.report.model import Report, TargetReport
from crossbench.report.views import View, views
from crossbench.report.weights import bits
from crossbench.report.words import (
    TITLES,
    code,
    counted,
    escaped,
    shortened,
    size,
    table,
    value,
)

NONE = "\u2013"
MOST_ROWS, MOST_RUNS, MOST_CAVEATS, MOST_ABSENT, MOST_LETTERS = 12, 3, 3, 3, 160
"""Of a bench card: targets, machines, caveats, non-results, and letters of one, or of a command."""


def headline(report: Report) -> Iterator[str]:
    """Three lines of words and one table, and where what stands in it may be the instrument's."""
    yield "\n".join(f"- {escaped(line)}" for line in answer(report))
    if report.targets:
        yield _table(report, report.targets)
    yield from (f"- **{escaped(line)}**." for line in overloads(report))


def charts(drawn: Sequence[Chart]) -> Iterator[str]:
    """Links to the files beside the report."""
    if drawn:
        yield "## Charts"
        yield "\n\n".join(f"![{escaped(chart.title)}](charts/{chart.name}.svg)" for chart in drawn)


def card(report: Report) -> str:
    """At most 40 lines to paste: answer, headline, machine, and where it comes from."""
    left = len(report.targets) - MOST_ROWS
    runs = list(views(report))
    shown, unshown = runs[:MOST_RUNS], len(runs[MOST_RUNS:])
    lines = [
        f"**{escaped(report.title)}**",
        "",
        *(_where(report, view) for view in shown),
        *([f"and {counted(unshown, 'further run')}."] if unshown else []),
        "",
        *(f"- {escaped(line)}" for line in answer(report)),
        "",
        _table(report, report.targets[:MOST_ROWS]),
        *([f"{counted(left, 'further target')} not shown."] if left > 0 else []),
        "",
        f"{_effort(report)}, {_order(report)}, {_cold(report)}; {_spread(report)}; "
        f"{escaped(report.outcome)}. crossbench {escaped(report.crossbench)}, definitions "
        f"{report.definitions}.",
        *_caveats(report),
        *_absent(report),
        "",
        *(f"{'- ' if view.label else ''}{_again(view.report)}" for view in shown),
    ]
    return "\n".join(lines) + "\n"


def _where(report: Report, view: View) -> str:
    machine = view.report.machine
    devices = f", {escaped(', '.join(machine.cuda_devices))}" if machine.cuda_devices else ""
    label = "" if view.label is None else f"- {escaped(view.label)}: "
    return (
        f"{label}{escaped(report.model)} on {escaped(machine.cpu)}, "
        f"{size(machine.memory_bytes)}{devices}; {escaped(machine.system)}; "
        f"{escaped(view.report.started)}"
    )


def _effort(report: Report) -> str:
    told = dict.fromkeys(
        f"{counted(each.launches, 'launch')} x {counted(each.repeats, 'repeat')}"
        for each in (view.report.protocol for view in views(report))
    )
    return " or ".join(told)


def _order(report: Report) -> str:
    return "interleaved within each run" if report.runs else "interleaved"


def _caveats(report: Report) -> Iterator[str]:
    told = caveats(report)
    for line in told[:MOST_CAVEATS]:
        yield f"- **{escaped(shortened(line, MOST_LETTERS))}**"
    if len(told) > MOST_CAVEATS:
        yield f"- and {counted(len(told) - MOST_CAVEATS, 'further caveat')}, in the report."


def _again(report: Report) -> str:
    """How to reproduce a run, in a line."""
    command = command_line(report.command)
    return (
        f"Suite {code(report.suite)} sha256 {code(report.suite_sha256[:16])}: "
        f"{code(shortened(command, MOST_LETTERS))}"
    )


def _spread(report: Report) -> str:
    least = min(view.report.protocol.launches for view in views(report))
    return "[95 % intervals]" if least > 2 else "(ranges), no intervals"


def _cold(report: Report) -> str:
    states = {cell.cache for scenario in report.scenarios for cell in scenario.cells}
    return "every prompt proven cold" if states == {"cold"} else "not every prompt proven cold"


def _absent(report: Report) -> Iterator[str]:
    """What was not measured and why, as far as there is room."""
    told = costs(report.non_results)
    for (target, what, reason), scenarios in list(told.items())[:MOST_ABSENT]:
        on = escaped(", ".join(scenarios))
        yield f"- {escaped(target)} on {on}: {what}: {escaped(shortened(reason, MOST_LETTERS))}"
    if len(told) > MOST_ABSENT:
        yield f"- and {counted(len(told) - MOST_ABSENT, 'further non-result')}, in the report."


def _table(report: Report, targets: Sequence[TargetReport]) -> str:
    shown, verdicts = columns(report), Verdicts(report)
    quality = _quality(report)
    rows = [
        [
            escaped(target.name) + (" (baseline)" if target.name == report.baseline else ""),
            *([escaped(target.run or NONE)] if report.runs else []),
            bits(target.loaded) or NONE,
            *(_cell(report, target.name, column, verdicts) for column in shown),
            *([quality.get(target.name, NONE)] if quality else []),
        ]
        for target in targets
    ]
    titles = [f"{TITLES[each.metric]}, {escaped(each.scenario)}" for each in shown]
    where = ["run"] if report.runs else []
    header = ["target", *where, "bits/weight", *titles, *(["bits/byte"] if quality else [])]
    return table(header, rows, numeric=len(header) - 1 - len(where))


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
    unpaired = compared.ratio is not None and not compared.ratio.paired
    return f"{value(metric)}, {held}" + (f" ({APART[False]})" if unpaired else "")
