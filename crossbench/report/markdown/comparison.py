"""Who is faster, by how much, how sure that is, and what else differs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from crossbench.comparison.compare import Compared, Comparison
from crossbench.comparison.levels import RunDrift
from crossbench.report.model import Report
from crossbench.report.remarks import Remark, remarks
from crossbench.report.views import views
from crossbench.report.words import TITLES, escaped, multiple, span, table
from crossbench.statistics.verdict import PRIMARY, THRESHOLD

NONE = "\u2013"
NAMED = ("faster", "slower")
APART = {True: "paired", False: "unpaired"}
PAIRS = ", launch by launch in pairs of one block."
UNPAIRED = (
    "Targets of one run are compared launch by launch in pairs of one block. Those of two runs are "
    "not: their launches did not take turns, so whatever changed between the runs, and every "
    "difference between their machines, counts as a difference (unpaired, by Welch's t)."
)

RULE = (
    "A ratio is the target's value over the baseline's, with its [95 % interval]; of a time, less "
    "is faster, of a rate, more. **Faster** and **slower** mean that the interval excludes 1, also "
    "after correcting for everything compared here (Holm), and that the ratio exceeds "
    f"{100 * THRESHOLD:g} %; a tie, that the 90 % interval lies within {100 * THRESHOLD:g} %. "
    "Anything else is inconclusive."
)


def comparison(report: Report, *, tabled: bool = True) -> Iterator[str]:
    """The section, where there is anything to compare.

    Without `tabled` its verdicts stand elsewhere, beside the values.
    """
    if not report.comparisons or report.baseline is None:
        return
    yield "## Comparison"
    absent = (
        f" ({escaped(report.absent_baseline)}, which the suite names, was not measured)"
        if report.absent_baseline
        else ""
    )
    yield f"Against {escaped(report.baseline)}{absent}{PAIRS if not report.runs else '.'} {RULE}"
    if report.runs:
        yield UNPAIRED
    if tabled:
        yield from tables(report.comparisons)
    drifts = [drift for view in views(report) for drift in view.report.run_drifts]
    lines = [listed(report.comparisons, report.axis), *_drifts(drifts)]
    yield "\n".join(filter(None, lines))
    yield from _further(report)


def _further(report: Report) -> Iterator[str]:
    """The comparisons of several runs that are not against the one baseline."""
    if not report.further:
        return
    yield "### Within the other runs, and measured again"
    yield (
        "Each other run's targets against its own baseline, in pairs; each target that was "
        "measured again on a like machine against what was found before, unpaired; and, on "
        "scenarios that the baseline of all was not measured on, those of other runs against the "
        "first run that has it."
    )
    yield from tables(report.further, named=True)
    yield listed(report.further, report.axis)


def _drifts(drifts: Sequence[RunDrift]) -> Iterator[str]:
    for each in drifts:
        yield (
            f"- {TITLES[each.metric]} on {escaped(each.scenario)} drifted for all targets alike, "
            f"to {multiple(each.change)}\u00d7 from the first launch to the last; that was taken "
            "out before pairing."
        )


def tables(comparisons: Sequence[Comparison], *, named: bool = False) -> Iterator[str]:
    """One row for each target on each scenario, one column for each primary metric.

    `named`: with the baseline of each, where it is not one for all.
    """
    columns = [name for name in PRIMARY if any(_of(each, name) is not None for each in comparisons)]
    if not columns:
        return
    mixed = any(each.paired for each in comparisons) and not all(
        each.paired for each in comparisons
    )
    rows = [
        [
            escaped(each.scenario),
            escaped(each.target),
            *([escaped(each.baseline)] if named else []),
            *([APART[each.paired]] if mixed else []),
            *(_cell(each, name) for name in columns),
        ]
        for each in comparisons
    ]
    header = [
        "scenario",
        "target",
        *(["against"] if named else []),
        *(["launches"] if mixed else []),
    ]
    yield table([*header, *(TITLES[name] for name in columns)], rows)


def listed(comparisons: Sequence[Comparison], axis: Collection[str]) -> str:
    """What stands beside the ratios, a line each."""
    return "\n".join(
        f"- {escaped(each.subject)}: {_strong(each)}." for each in remarks(comparisons, axis)
    )


def _strong(remark: Remark) -> str:
    text = escaped(remark.text)
    return f"**{text}**" if remark.matters else text


def _of(comparison: Comparison, metric: str) -> Compared | None:
    return next((each for each in comparison.metrics if each.metric == metric), None)


def _cell(comparison: Comparison, metric: str) -> str:
    found = _of(comparison, metric)
    return verdict(found) if found is not None else NONE


def verdict(found: Compared) -> str:
    """The ratio with its interval and the verdict, which is bold only where there is a winner."""
    word = f"**{found.verdict}**" if found.verdict in NAMED else found.verdict
    return f"{ratio(found)} {word}".strip()


def ratio(found: Compared) -> str:
    """The ratio with its interval, as far as there are any."""
    if found.ratio is None or found.ratio.point is None:
        return ""
    shown = f"{multiple(found.ratio.point)}\u00d7"
    return f"{shown} {span(found.ratio.ci95)}" if found.ratio.ci95 else shown
