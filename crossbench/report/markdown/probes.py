"""Who read the machine while the run ran, and what that took of it."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.report.model import Report
from crossbench.report.words import escaped, number


def probes(report: Report) -> Iterator[str]:
    """The section."""
    yield "## Probes"
    yield "\n".join(f"- {line}." for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    read = report.telemetry
    if read.absent is not None or read.interval_s is None:
        yield f"The machine was not read while it ran: {escaped(read.absent or 'unknown why')}"
        return
    share = (
        f"took {number(100 * read.core_share)} % of one core"
        if read.core_share is not None
        else "did not end by itself, so that what it took is not known"
    )
    missed = f" ({read.missed:,} more were due)" if read.missed else ""
    yield (
        f"The machine was read {read.ticks:,} times{missed} while it ran, at least every "
        f"{number(read.interval_s)} s, by a process of its own that {share}; the readings lie in "
        "`telemetry.jsonl`"
    )
    for probe in read.probes:
        if probe.absent is not None:
            yield f"{escaped(probe.name)}: nothing, {escaped(probe.absent)}"
        else:
            yield f"{escaped(probe.name)}: {escaped(', '.join(probe.quantities))}"
