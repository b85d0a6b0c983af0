"""Scenarios under load: what a level gives to all users together, and what each of them waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crossbench.analysis.metric import Metric
from crossbench.report.headline import Column, metric_of
from crossbench.report.load_model import CurveReport, LevelReport, LoadReport
from crossbench.report.loads import ALL, ATTAINED, USER
from crossbench.report.model import Report
from crossbench.report.words import TITLES, counted, escaped, quantity, table, value
from crossbench.suite.schema import Slo

SERVED = (ALL, USER, "throughput_whole_tps", "requests_per_s", "goodput_rps", ATTAINED)
WAITED = tuple(
    f"{what}_p{percent}_s" for what in ("ttft", "tpot", "chunk_gap") for percent in (50, 95, 99)
)
DELAYED = ("delay_p50_s", "delay_p99_s")
JUDGED = (ALL, USER)
"""Those that stand with their interval; the others' are in `report.json`."""
NONE = "\u2013"


def load(report: Report) -> Iterator[str]:
    """The section, where some scenario is under load."""
    if not report.loads:
        return
    yield "## Load"
    for each in report.loads:
        yield from _load(report, each)


def _load(report: Report, told: LoadReport) -> Iterator[str]:
    yield f"### {escaped(told.name)}"
    yield f"{_shape(told)}{_slo(told)}"
    if not told.curves:
        yield "No target was measured."
        return
    yield _table(report, told, SERVED, failed=True)
    yield _table(report, told, (*WAITED, *DELAYED))
    if lines := [*_verdicts(told), *_reasons(report, told), *_flags(report, told)]:
        yield "\n".join(lines)


def _shape(told: LoadReport) -> str:
    least, most = min(told.requests), max(told.requests)
    requests = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    if told.arrivals is None:
        return (
            "A closed loop: so many users at once, each with its next request as soon as the last "
            f"is answered; {requests} requests a pass."
        )
    how = "at random (Poisson)" if told.arrivals == "poisson" else "evenly"
    return (
        f"An open loop: requests come {how} whether others are answered or not, {requests} a pass, "
        f"the same times for every target; an engine makes room for {told.room}. Each counts from "
        "when it was due, so that none is spared the wait behind a slow one."
    )


def _slo(told: LoadReport) -> str:
    if told.slo is None:
        return ""
    return (
        f" The SLO is {limits(told.slo)}; a level meets it where {told.attainment:.0%} of its "
        "requests do."
    ).replace("%", " %")


def limits(slo: Slo) -> str:
    """`TTFT of at most 2 s and TPOT of at most 100 ms`."""
    named = (("ttft_s", slo.ttft_s), ("tpot_s", slo.tpot_s), ("e2e_s", slo.e2e_s))
    told = [f"{TITLES[name]} of at most {quantity(most, 's')}" for name, most in named if most]
    return ", ".join(told[:-1]) + (" and " if len(told) > 1 else "") + told[-1]


def _table(report: Report, told: LoadReport, names: Sequence[str], *, failed: bool = False) -> str:
    """A row for each level of each target; of the columns those that some level has."""
    rows = [(curve, level) for curve in told.curves for level in curve.levels]
    columns = [name for name in names if any(_has(report, *row, name) for row in rows)]
    header = ["target", "load", *(_title(name) for name in columns)]
    body = [
        [
            escaped(curve.target),
            escaped(level.words),
            *(_shown(_metric(report, curve, level, name), name) for name in columns),
            *([_failed(level)] if failed else []),
        ]
        for curve, level in rows
    ]
    if not columns and not failed:
        return ""
    header += ["failed"] if failed else []
    return table(header, body, numeric=len(header) - 2)


def _title(name: str) -> str:
    return "decode of each user" if name == USER else TITLES[name]


def _metric(report: Report, curve: CurveReport, level: LevelReport, name: str) -> Metric | None:
    return metric_of(report, curve.target, Column(metric=name, scenario=level.scenario))


def _has(report: Report, curve: CurveReport, level: LevelReport, name: str) -> bool:
    metric = _metric(report, curve, level, name)
    return metric is not None and metric.value is not None


def _shown(metric: Metric | None, name: str) -> str:
    if metric is None:
        return NONE
    return value(metric) if name in JUDGED else quantity(metric.value, metric.unit)


def _failed(level: LevelReport) -> str:
    return f"{level.failed:,} of {level.requests:,}"


def _verdicts(told: LoadReport) -> Iterator[str]:
    for curve in told.curves:
        if curve.verdict is not None:
            yield f"- **{escaped(curve.target)}**: {escaped(curve.verdict)}."


def _reasons(report: Report, told: LoadReport) -> Iterator[str]:
    """Why numbers are missing or rest on less, each reason once with all that it holds for."""
    names = (*SERVED, *WAITED, *DELAYED)
    places: dict[tuple[str, str], dict[str, list[str]]] = {}
    for curve in told.curves:
        for level in curve.levels:
            for name in names:
                metric = _metric(report, curve, level, name)
                for reason in metric.reasons if metric else ():
                    title = TITLES[name] + ("" if metric and metric.valid else " withheld")
                    where = places.setdefault((title, _uncounted(reason)), {})
                    where.setdefault(curve.target, []).append(level.words)
    merged: dict[tuple[str, str], list[str]] = {}
    for (title, reason), where in places.items():
        merged.setdefault((_places(told, where), reason), []).append(title)
    for (who, reason), titles in merged.items():
        yield f"- {', '.join(titles)}{who}: {escaped(reason)}."


def _uncounted(reason: str) -> str:
    """Without how many values there were, which differs from level to level."""
    found, values, needed = reason.partition(" values; ")
    return f"too few values, {needed}" if values and found.isdigit() else reason


def _places(told: LoadReport, where: Mapping[str, Sequence[str]]) -> str:
    """Nothing where that is everywhere."""
    every = {curve.target: [level.words for level in curve.levels] for curve in told.curves}
    if where == every:
        return ""
    named = (
        escaped(target) + ("" if words == every[target] else f" at {escaped(', '.join(words))}")
        for target, words in where.items()
    )
    return f" ({'; '.join(named)})"


def _flags(report: Report, told: LoadReport) -> Iterator[str]:
    """What a reader should know of a number before believing it."""
    cells = {
        (scenario.name, cell.target): cell
        for scenario in report.scenarios
        for cell in scenario.cells
    }
    for curve in told.curves:
        for level in curve.levels:
            where = f"{escaped(curve.target)} at {escaped(level.words)}"
            cell = cells.get((level.scenario, curve.target))
            if cell is not None and cell.overloaded is not None:
                yield f"- **instrument overloaded**, {where}: {escaped(cell.overloaded)}."
            if cell is not None and cell.cache != "cold":
                yield f"- **not proven cold**, {where}: prompts were {escaped(cell.cache)}."
            for name in (ALL, USER):
                metric = _metric(report, curve, level, name)
                for flag in metric.flags if metric else ():
                    yield f"- **{flag.name}**, {TITLES[name]} of {where}: {escaped(flag.reason)}."
            if level.left_out:
                count = counted(level.left_out, "launch")
                yield f"- {where}: {count} left it out, as a lower level had missed the SLO."
