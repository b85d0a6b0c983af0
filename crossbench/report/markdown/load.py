"""Scenarios under load: what a level gives to all users together, and what each of them waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from crossbench.analysis.instrument import UNKNOWN
from crossbench.analysis.metric import Metric
from crossbench.report.headline import Column, metric_of
from crossbench.report.load_model import CurveReport, LevelReport, LoadReport
from crossbench.report.loads import ALL, ATTAINED, USER
from crossbench.report.model import CellReport, Report
from crossbench.report.words import TITLES, counted, escaped, quantity, table, value
from crossbench.suite.tables.scenario import Slo

SPED = (ALL, USER, "ttft_s", "prefill_tps")
SERVED = ("throughput_whole_tps", "requests_per_s", "goodput_rps", ATTAINED)
WAITED = tuple(
    f"{what}_p{percent}_s" for what in ("ttft", "tpot", "chunk_gap") for percent in (50, 95, 99)
)
DELAYED = ("delay_p50_s", "delay_p99_s")
WHOLE = (*SPED, *SERVED)
"""Those that stand with their interval."""
POOLED = (
    "Percentiles are of all launches pooled: of every request that was answered, inside the steady "
    "window or not, and of every gap between chunks. Their intervals over launches are in "
    "`report.json`. The TTFT beside decode is the mean, as it is compared."
)
NONE = "\u2013"

Place: TypeAlias = tuple[str, str]
"""Target and level."""


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
    waits = _table(report, told, (*WAITED, *DELAYED))
    parts = [
        _table(report, told, SPED),
        _table(report, told, SERVED, failed=True),
        waits,
        POOLED if waits else "",
        "\n".join(_lines(report, told)),
    ]
    yield from filter(None, parts)


def _lines(report: Report, told: LoadReport) -> Iterator[str]:
    yield from _verdicts(told)
    yield from _reasons(report, told)
    yield from _without_interval(report, told)
    yield from _flags(report, told)


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
        f" The SLO is {limits(told.slo)}; a level meets it where at least {told.attainment:.0%} of "
        "its requests do, and the whole interval of that share; where the interval holds "
        f"{told.attainment:.0%}, that is open."
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
    return value(metric) if name in WHOLE else quantity(metric.value, metric.unit)


def _failed(level: LevelReport) -> str:
    lost = "the level failed" if level.failure is not None else ""
    counted = f"{level.failed:,} of {level.requests:,}" if level.requests else ""
    return "; ".join(filter(None, (counted, lost)))


def _verdicts(told: LoadReport) -> Iterator[str]:
    for curve in told.curves:
        if curve.verdict is not None:
            yield f"- **{escaped(curve.target)}**: {escaped(curve.verdict)}."


def _reasons(report: Report, told: LoadReport) -> Iterator[str]:
    """Why numbers are missing or rest on less, each reason once with all that it holds for."""
    found = [
        (TITLES[name], metric, reason, place)
        for name, metric, place in _metrics(report, told, (*WHOLE, *WAITED, *DELAYED))
        for reason in metric.reasons
    ]
    for less, before, after in ((False, "", " withheld"), (True, "Left out of ", "")):
        merged = _merged(
            told,
            (
                (title, _uncounted(reason), place)
                for title, metric, reason, place in found
                if _less(metric, reason) is less
            ),
        )
        for (who, reason), titles in merged.items():
            yield f"- {before}{', '.join(titles)}{after}{who}: {escaped(reason)}."


def _less(metric: Metric, reason: str) -> bool:
    """Whether the reason tells what was left out, and not why there is no value: with too few
    values that is why, whatever else was left out."""
    first = metric.reasons[0]
    return metric.valid or (reason != first and _uncounted(first) != first)


def _without_interval(report: Report, told: LoadReport) -> Iterator[str]:
    """Why values stand with a range instead of an interval."""
    merged = _merged(
        told,
        (
            (TITLES[name], metric.no_interval, place)
            for name, metric, place in _metrics(report, told, WHOLE)
            if metric.no_interval and metric.low != metric.high
        ),
    )
    for (who, reason), titles in merged.items():
        yield (
            f"- {', '.join(titles)}{who}: a range (in brackets) instead of a 95 % interval: "
            f"{escaped(reason)}."
        )


def _metrics(
    report: Report, told: LoadReport, names: Sequence[str]
) -> Iterator[tuple[str, Metric, Place]]:
    """Name, metric and place of all that there are."""
    for curve in told.curves:
        for level in curve.levels:
            for name in names:
                if (metric := _metric(report, curve, level, name)) is not None:
                    yield name, metric, (curve.target, level.words)


def _merged(
    told: LoadReport, lines: Iterable[tuple[str, str, Place]]
) -> Mapping[tuple[str, str], list[str]]:
    """From (title, reason, place) to the titles of each reason and all it holds for."""
    places: dict[tuple[str, str], dict[str, list[str]]] = {}
    for title, reason, (target, level) in lines:
        places.setdefault((title, reason), {}).setdefault(target, []).append(level)
    merged: dict[tuple[str, str], list[str]] = {}
    for (title, reason), where in places.items():
        merged.setdefault((_places(told, where), reason), []).append(title)
    return merged


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
    yield from _overloaded(report, told)
    for curve, level, cell in _cells(report, told):
        where = f"{escaped(curve.target)} at {escaped(level.words)}"
        if cell is not None and cell.cache != "cold":
            yield f"- **not proven cold**, {where}: prompts were {escaped(cell.cache)}."
        for name in SPED:
            metric = _metric(report, curve, level, name)
            for flag in metric.flags if metric else ():
                yield f"- **{flag.name}**, {TITLES[name]} of {where}: {escaped(flag.reason)}."
        if level.left_out:
            count = counted(level.left_out, "launch")
            yield f"- {where}: {count} left it out, as a lower level had missed the SLO."


def _overloaded(report: Report, told: LoadReport) -> Iterator[str]:
    """Where the instrument may have been the slower part, each reason once."""
    found: dict[str, dict[str, list[str]]] = {}
    for curve, level, cell in _cells(report, told):
        if cell is not None and cell.overloaded is not None:
            found.setdefault(cell.overloaded, {}).setdefault(curve.target, []).append(level.words)
    for reason, where in found.items():
        what = "instrument's limit not known" if reason == UNKNOWN else "instrument overloaded"
        named = "; ".join(
            f"{escaped(target)} at {escaped(', '.join(words))}" for target, words in where.items()
        )
        yield f"- **{what}**, {named}: {escaped(reason)}."


def _cells(
    report: Report, told: LoadReport
) -> Iterator[tuple[CurveReport, LevelReport, CellReport | None]]:
    """Every level of every target, with what was measured there."""
    cells = {
        (scenario.name, cell.target): cell
        for scenario in report.scenarios
        for cell in scenario.cells
    }
    for curve in told.curves:
        for level in curve.levels:
            yield curve, level, cells.get((level.scenario, curve.target))
