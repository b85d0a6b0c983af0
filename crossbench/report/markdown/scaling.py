"""One, two, n replicas, and other ways to share the same devices, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.report.company_model import Scaling, ScalingRow
from crossbench.report.model import Report
from crossbench.report.words import escaped, multiple, span, table, value
from crossbench.statistics.ratio import Ratio

NONE = "\u2013"
HEADER = ["level", "target", "arrangement", "devices", "throughput", "over one", "efficiency"]


def scaling(report: Report) -> Iterator[str]:
    """The section, where some target has replicas."""
    if not report.scaling:
        return
    yield "## Scaling"
    yield (
        "Efficiency is throughput over the baseline's, divided by how many times its devices are "
        "used: 1 where nothing is lost. Replicas serve one load, divided by turns; throughput is "
        "of all their tokens in one steady window."
    )
    for each in report.scaling:
        yield from _one(each)


def _one(each: Scaling) -> Iterator[str]:
    base = f"against {escaped(each.baseline)}" if each.baseline else "without a baseline"
    yield f"On {escaped(each.load)}, {base}, devices counted in {escaped(each.unit)}s:"
    rows = [_row(row, row.level) for row in each.rows]
    rows += [_row(row, f"best: {row.level}") for row in each.best]
    yield table(HEADER, rows, numeric=4)
    yield "\n".join([*_places(each), *_reasons((*each.rows, *each.best))])


def _row(row: ScalingRow, level: str) -> list[str]:
    return [
        escaped(level),
        escaped(row.target),
        escaped(row.arrangement),
        NONE if row.devices is None else f"{row.devices:,}",
        value(row.throughput),
        _ratio(row.speedup, "\u00d7"),
        _ratio(row.efficiency, ""),
    ]


def _ratio(found: Ratio | None, sign: str) -> str:
    if found is None or found.point is None:
        return NONE
    shown = f"{multiple(found.point)}{sign}"
    return f"{shown} {span(found.ci95)}" if found.ci95 else shown


def _places(each: Scaling) -> Iterator[str]:
    for target, places in each.places.items():
        held = [place.told for place in places if place.told]
        if held:
            told = "; ".join(held)
            yield f"- {escaped(target)}: held to {escaped(told)}."
        elif any("replicas" in row.arrangement for row in each.rows if row.target == target):
            yield (
                f"- **{escaped(target)}: held to no processors**, as this platform holds no "
                "process to any: its replicas shared them all."
            )


def _reasons(rows: Sequence[ScalingRow]) -> Iterator[str]:
    told: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.withheld:
            told.setdefault(row.withheld, {})[f"{row.target} at {row.level}"] = None
    for reason, whose in told.items():
        yield f"- {escaped(', '.join(whose))}: no efficiency, as {escaped(reason)}."
