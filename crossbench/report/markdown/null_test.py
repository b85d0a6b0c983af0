"""What the instrument finds between a target and itself."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.report.model import NoiseBand, Report
from crossbench.report.words import TITLES, escaped, multiple, span, table

NONE = "\u2013"


def null_test(report: Report) -> Iterator[str]:
    """The section, in a run that measured one target under two names."""
    test = report.null_test
    if test is None:
        return
    yield "## Null test"
    yield (
        f"{escaped(test.target)} was measured under two names: every difference is noise. The band "
        "holds 95 % of the ratios that this machine gives, with as many launches, where there is "
        "no difference."
    )
    if test.bands:
        header = ["scenario", "metric", "ratio found", "noise band"]
        yield table(header, [_row(each) for each in test.bands], numeric=2)
    missing = dict.fromkeys(reason for each in test.bands for reason in each.found.reasons)
    if missing:
        yield "\n".join(f"- No band: {escaped(reason)}." for reason in missing)
    if test.winners:
        yield f"**A winner was named, wrongly: {escaped(', '.join(test.winners))}.**"
    else:
        yield "No winner was named."


def _row(each: NoiseBand) -> list[str]:
    found = each.found
    return [
        escaped(each.scenario),
        TITLES[each.metric],
        f"{multiple(found.ratio)}\u00d7" if found.ratio is not None else NONE,
        span(found.band) if found.band else NONE,
    ]
