"""Several runs in one report: which they are, and what of them does not belong together."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.report.model import Report
from crossbench.report.words import cell, code, escaped, table


def runs(report: Report) -> Iterator[str]:
    """The section, where there are several."""
    if not report.runs:
        return
    yield "## Runs"
    rows = [
        [
            escaped(run.label),
            escaped(", ".join(run.machine.cuda_devices) or run.machine.cpu),
            escaped(run.started),
            cell(f"{code(run.suite)} {code(run.suite_sha256[:12])}"),
            f"{run.protocol.launches} x {run.protocol.repeats}",
            escaped(run.outcome),
        ]
        for run in report.runs
    ]
    yield table(["run", "machine", "started", "suite", "launches x repeats", "outcome"], rows)
    if report.notes:
        yield "\n".join(f"- **{escaped(note)}**." for note in report.notes)
