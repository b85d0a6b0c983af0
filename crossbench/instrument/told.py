"""The instrument's figures as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.instrument.model import BIAS, Error, Figures, Trial
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


def summary(figures: Figures) -> Iterator[str]:
    """For a report: what is the instrument's own under load, and what it carries."""
    if figures.failure:
        yield f"What the instrument adds under load was not measured: {figures.failure}."
    for trial in figures.trials:
        script = trial.script
        yield (
            f"With {script.streams} streams of {number(1 / script.tpot_s)} tok/s each the "
            f"instrument itself was off by {quantity(trial.ttft.p99_s, 's')} in TTFT, "
            f"{quantity(trial.tpot.p99_s, 's')} in TPOT and {quantity(trial.gap.p99_s, 's')} in a "
            "gap (99th percentile, on the null engine): differences below that are its own."
        )
    yield from (f"{line}." for line in limits(figures))


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
        streams = "1 stream" if each.streams == 1 else f"{each.streams} streams"
        yield (
            f"{streams}: up to {number(each.chunks_per_s)} chunks a second, TPOT is off by at most "
            f"{BIAS * 100:.0f} %"
        )
