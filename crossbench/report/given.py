"""The runs that a report is asked for on the command line: `RUN`, `LABEL=RUN`, `report.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crossbench.errors import InputError
from crossbench.report.belonging import Given
from crossbench.report.build import build
from crossbench.report.model import Report
from crossbench.report.saved import read
from crossbench.report.several import several


def asked(written: Sequence[str], baseline: str | None = None, *, redact: bool = True) -> Report:
    """The report of one run, or one of several. Raises InputError."""
    if len(written) == 1 and Path(written[0]).is_dir():
        return build(Path(written[0]), baseline, redact=redact)
    given = [_given(each, redact) for each in written]
    if len(given) == 1:
        raise InputError(
            f"{written[0]} is a report already, or no run's folder; name the folder of a run, or "
            "several runs"
        )
    return several(given, baseline)


def _given(written: str, redact: bool) -> Given:
    path, label = Path(written), None
    before, separator, after = written.partition("=")
    if not path.exists() and separator and before:
        path, label = Path(after), before
    if not path.exists():
        raise InputError(
            f"{written}: found neither a run's folder nor a saved report; expected RUN, LABEL=RUN "
            "or LABEL=report.json"
        )
    report = build(path, redact=redact) if path.is_dir() else read(path)
    if redact and not report.redacted:
        raise InputError(
            f"{path} was made with --no-redact, and a report cannot be redacted afterwards; name "
            "its run"
        )
    return Given(written=written, label=label, report=report)
