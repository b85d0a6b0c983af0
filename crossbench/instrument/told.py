"""The instrument's figures as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.instrument.model import BIAS, Error, Figures, Script, Trial
from crossbench.report.words import number, quantity, table

HEADER = [
    "streams",
    "tokens per chunk",
    "per token",
    "tok/s asked",
    "came",
    "TTFT off",
    "TPOT off",
    "gap off",
    "stamped after",
    "lag",
    "CPU per 1,000",
]


def told(figures: Figures) -> str:
    """Trials, what their columns say, and the limits."""
    rows = [row(trial) for trial in figures.trials]
    return "\n\n".join([table(HEADER, rows, len(HEADER)), LEGEND, "\n".join(limits(figures))])


LEGEND = (
    "Off: mean error as a share of the scripted time, and the 99th percentile of the error without "
    "its sign. Stamped\nafter the null engine let a chunk go, and lag of the event loop: 99th "
    "percentiles. CPU: of the event loop's thread\nper 1,000 tokens, the null engine's share "
    "included."
)


def summary(figures: Figures, served: Sequence[str] = ()) -> Iterator[str]:
    """For a report: what is the instrument's own, and what it carries.

    `served` are the targets behind a server, of which this tells nothing.
    """
    if figures.failure:
        yield f"What the instrument adds was not measured: {figures.failure}."
    for trial in figures.trials:
        yield (
            f"{_when(trial.script)} the instrument itself was off by "
            f"{quantity(trial.ttft.p99_s, 's')} in TTFT, {quantity(trial.tpot.p99_s, 's')} in TPOT "
            f"and {quantity(trial.gap.p99_s, 's')} in a gap (99th percentile, of fewer than 100 "
            "the worst; on the null engine): differences below that are its own."
        )
    yield from (f"{line}." for line in limits(figures))
    if served:
        yield (
            f"That is of the instrument in process. What it adds and carries over HTTP is not "
            f"known here: {', '.join(served)}."
        )


def _when(script: Script) -> str:
    each = f"of {number(1 / script.tpot_s)} tok/s"
    if script.repeats > 1:
        return f"With one request {each} at a time"
    return f"With {_streams(script.streams)} {each}{' each' if script.streams > 1 else ''}"


def _streams(count: int) -> str:
    return "1 stream" if count == 1 else f"{count} streams"


def row(trial: Trial) -> Sequence[str]:
    """One line of the table."""
    script = trial.script
    return [
        str(script.streams),
        str(script.tokens_per_chunk),
        quantity(script.tpot_s, "s"),
        number(script.tokens_per_s),
        number(trial.tokens_per_s),
        off(trial.ttft),
        off(trial.tpot),
        off(trial.gap),
        quantity(trial.handover_p99_s, "s"),
        quantity(trial.lag_p99_s, "s"),
        quantity(trial.cpu_s, "s"),
    ]


def off(error: Error) -> str:
    """`+0.1 %, 20 us`."""
    return f"{error.bias * 100:+.2f} %, {quantity(error.p99_s, 's')}"


def limits(figures: Figures) -> Iterator[str]:
    """What is carried at each number of streams, a line each."""
    for each in figures.capacities:
        yield (
            f"{_streams(each.streams)}: up to {number(each.chunks_per_s)} chunks a second, TPOT is "
            f"off by at most {BIAS * 100:.0f} %"
        )
