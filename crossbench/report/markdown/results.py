"""What was measured, scenario by scenario, and what was not and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crossbench.analysis.metric import Metric
from crossbench.report.headline import found_of
from crossbench.report.markdown.bandwidth import bandwidth
from crossbench.report.model import CellReport, NonResultReport, Report, ScenarioReport
from crossbench.report.words import TITLES, counted, escaped, lengths, table, value

SPEEDS = ("ttft_s", "prefill_tps", "decode_tps", "e2e_s")
GAPS = ("tokens_per_chunk", "chunk_gap_p50_s", "chunk_gap_p95_s", "chunk_gap_p99_s")


def results(report: Report) -> Iterator[str]:
    """A table of speeds and one of gaps for every scenario that is not under load."""
    alone = [scenario for scenario in report.scenarios if scenario.load is None]
    if not alone and report.scenarios:
        return
    yield "## Results"
    for scenario in alone:
        yield _scenario(scenario)
        yield from bandwidth(report, scenario.name)


def _scenario(scenario: ScenarioReport) -> str:
    ending = "at most" if scenario.natural else "exactly"
    given = ", given ones, the same for every target" if scenario.forced else ""
    head = (
        f"### {escaped(scenario.name)}\n\n"
        f"{counted(len(scenario.prompt_tokens), 'prompt')} of {lengths(scenario.prompt_tokens)} "
        f"tokens, {ending} {scenario.output_tokens:,} output tokens"
        f"{given}."
    )
    if not scenario.cells:
        return f"{head}\n\nNo target was measured."
    parts = [head, _speeds(scenario), _gaps(scenario), "\n".join(remarks(scenario))]
    return "\n\n".join(part for part in parts if part)


def remarks(scenario: ScenarioReport) -> Iterator[str]:
    """Why values are missing or stand without an interval, and what to know of the others."""
    yield from _withheld(scenario)
    yield from _without_interval(scenario)
    yield from _flagged(scenario)


def _speeds(scenario: ScenarioReport) -> str:
    columns = _told(scenario, SPEEDS)
    rows = [
        [
            escaped(cell.target),
            *(value(_metric(cell, name)) for name in columns),
            cell.cache,
            _count(cell),
        ]
        for cell in scenario.cells
    ]
    header = ["target", *(TITLES[name] for name in columns), "prefill was", "samples"]
    return table(header, rows, numeric=len(columns) + 2)


def _gaps(scenario: ScenarioReport) -> str:
    columns = _told(scenario, GAPS)
    rows = [
        [escaped(cell.target), *(value(_metric(cell, name)) for name in columns)]
        for cell in scenario.cells
    ]
    return table(["target", *(TITLES[name] for name in columns)], rows, numeric=len(columns))


def _told(scenario: ScenarioReport, names: Sequence[str]) -> list[str]:
    """The metrics that at least one target has."""
    return [
        name
        for name in names
        if any(_metric(cell, name).value is not None for cell in scenario.cells)
    ]


def _count(cell: CellReport) -> str:
    whole = cell.valid_samples == cell.planned_samples
    return f"{cell.valid_samples}" if whole else f"{cell.valid_samples} of {cell.planned_samples}"


def _metric(cell: CellReport, name: str) -> Metric:
    found = found_of(cell, name)
    assert found is not None
    return found


def _withheld(scenario: ScenarioReport) -> Iterator[str]:
    """Why numbers are missing, said once for all targets that share the reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for cell in scenario.cells:
        for name in (*SPEEDS, *GAPS):
            metric = _metric(cell, name)
            if metric.reasons:
                word = "" if metric.value is not None else " withheld"
                key = (TITLES[name] + word, "; ".join(metric.reasons))
                told.setdefault(key, []).append(cell.target)
    everyone = [cell.target for cell in scenario.cells]
    for (title, reason), targets in told.items():
        whose = "" if targets == everyone else f" ({escaped(', '.join(targets))})"
        yield f"- {title}{whose}: {escaped(reason)}."


def _without_interval(scenario: ScenarioReport) -> Iterator[str]:
    """Why values stand without an interval, each reason once."""
    told: dict[str, dict[str, None]] = {}
    for cell in scenario.cells:
        for name in (*SPEEDS, *GAPS):
            metric = _metric(cell, name)
            if metric.no_interval and metric.low != metric.high:
                told.setdefault(metric.no_interval, {})[cell.target] = None
    everyone = [cell.target for cell in scenario.cells]
    for reason, targets in told.items():
        whose = "" if list(targets) == everyone else f" of {escaped(', '.join(targets))}"
        yield f"- A range (in brackets) instead of a 95 % interval{whose}: {escaped(reason)}."


def _flagged(scenario: ScenarioReport) -> Iterator[str]:
    """What a reader should know of a number before believing it."""
    for cell in scenario.cells:
        for name in SPEEDS:
            for flag in _metric(cell, name).flags:
                yield (
                    f"- **{flag.name}**, {TITLES[name]} of {escaped(cell.target)}: "
                    f"{escaped(flag.reason)}."
                )


def not_measured(non_results: Sequence[NonResultReport]) -> Iterator[str]:
    """Each reason once, with the scenarios it cost."""
    if not non_results:
        return
    yield "## Not measured"
    yield "\n".join(
        f"- **{escaped(target)}** on {escaped(', '.join(scenarios))}: {what}: {escaped(reason)}"
        for (target, what, reason), scenarios in costs(non_results).items()
    )


def costs(non_results: Sequence[NonResultReport]) -> Mapping[tuple[str, str, str], list[str]]:
    """Target, word and reason -> the scenarios they cost."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for item in non_results:
        what = item.word + (f" ({item.kind})" if item.kind else "")
        reason = f"{item.reason} [{item.launch}]" if item.launch else item.reason
        found.setdefault((item.target, what, reason), []).append(item.scenario or "every scenario")
    return found
