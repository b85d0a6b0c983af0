"""What one device's job costs the other's inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.comparison.compare import Compared
from crossbench.places.placement import Place
from crossbench.report.company_model import Interference
from crossbench.report.markdown.comparison import verdict
from crossbench.report.model import Report
from crossbench.report.words import TITLES, code, escaped, quantity, table, value
from crossbench.statistics.verdict import THRESHOLD

NONE = "\u2013"
SHOWN = ("ttft_s", "decode_tps", "throughput_tps")
OPEN = ("inconclusive", "refused", "unmeasured")
HEADER = ["scenario", "target", "metric", "alone", "beside it", "ratio"]


def interference(report: Report) -> Iterator[str]:
    """The section, where something worked beside a scenario."""
    if not report.interference:
        return
    yield "## Interference"
    yield (
        "Each scenario alone and beside a background, measured in turn within every launch (alone, "
        "beside it, beside it, alone); the background is loaded for both and works only in one. "
        "The ratio is the second over the first, with its [95 % interval] over launches; within "
        f"{100 * THRESHOLD:g} % nothing is said to be lost."
    )
    for background in dict.fromkeys(each.background for each in report.interference):
        yield from _beside(
            background, [each for each in report.interference if each.background == background]
        )


def _beside(background: str, each: Sequence[Interference]) -> Iterator[str]:
    yield f"Beside {code(background)}:"
    rows = [row for one in each for row in _rows(one)]
    if rows:
        yield table(HEADER, rows)
    yield "\n".join(line for one in each for line in _lines(one))


def _rows(one: Interference) -> Iterator[list[str]]:
    metrics = one.comparison.metrics if one.comparison else ()
    for found in metrics:
        if found.metric in SHOWN:
            yield [
                escaped(one.scenario),
                escaped(one.target),
                TITLES[found.metric],
                quantity(found.baseline, found.unit),
                quantity(found.target, found.unit),
                _ratio(found),
            ]


def _ratio(found: Compared) -> str:
    return verdict(found) if found.ratio is not None else NONE


def _lines(one: Interference) -> Iterator[str]:
    whose = f"{escaped(one.target)} on {escaped(one.scenario)}"
    if one.withheld:
        yield f"- **{whose}: withheld**, as {escaped(one.withheld)}."
        return
    held = "; ".join(filter(None, (place.told for place in one.places))) or "no processors"
    yield (
        f"- {whose}: held to {escaped(held)}, the background to {escaped(_told(one.beside))}, "
        f"which did {_progress(one)} meanwhile."
    )
    reasons: dict[str, list[str]] = {}
    for found in one.comparison.metrics if one.comparison else ():
        if found.metric in SHOWN and found.verdict in OPEN:
            told = f"{found.verdict}, {found.reason}"
            reasons.setdefault(told, []).append(TITLES[found.metric])
    for reason, metrics in reasons.items():
        yield f"  - {', '.join(metrics)}: {escaped(reason)}."


def _told(place: Place | None) -> str:
    return (place.told if place else "") or "no processors"


def _progress(one: Interference) -> str:
    if one.progress is None:
        return NONE
    if one.progress.name == "background_cpus":
        return f"the work of {value(one.progress)}"
    return value(one.progress)
