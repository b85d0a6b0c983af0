"""The rates that were measured as markdown, and whether they are near enough to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from benchmarks import paired, tables
from benchmarks.tables import CROSSBENCH

NEAR = (0.95, 1.05)

Rates: TypeAlias = Mapping[str, float]
"""What is counted -> tokens per second."""
Repetition: TypeAlias = Mapping[str, Rates]
"""Contestant -> its rates."""


def line(measured: Repetition) -> str:
    """One repetition, for whoever watches."""
    return "; ".join(
        f"{name} " + ", ".join(f"{what} {rate:.1f} tok/s" for what, rate in rates.items())
        for name, rates in measured.items()
    )


def markdown(measured: Sequence[Repetition], rivals: Sequence[str], judged: str) -> str:
    """A table, and a verdict on what is `judged` for each rival. Raises ValueError for fewer than
    two repetitions.
    """
    columns = list(measured[0][CROSSBENCH])
    return "\n".join(
        [
            f"| | {' | '.join(f'{column}, tok/s' for column in columns)} |",
            "| --- " * (1 + len(columns)) + "|",
            *(_row(name, measured, columns) for name in (CROSSBENCH, *rivals)),
            *(_ratios(rival, measured, columns) for rival in rivals),
            "",
            *(_verdict(rival, measured, judged) for rival in rivals),
        ]
    )


def _verdict(rival: str, measured: Sequence[Repetition], judged: str) -> str:
    found = _ratio(measured, rival, judged)
    told = (
        f"{judged}: crossbench reaches {tables.scaled(found, 1, 4)} of {rival}'s tokens "
        f"per second, interval inside {NEAR[0]} to {NEAR[1]}"
    )
    return tables.verdict(found.within(*NEAR), told)


def _ratios(rival: str, measured: Sequence[Repetition], columns: Sequence[str]) -> str:
    found = (tables.scaled(_ratio(measured, rival, column), 1, 4) for column in columns)
    return f"| crossbench / {rival} | " + " | ".join(found) + " |"


def _row(name: str, measured: Sequence[Repetition], columns: Sequence[str]) -> str:
    means = (paired.mean([each[name][column] for each in measured]) for column in columns)
    return f"| {name} | " + " | ".join(tables.scaled(mean, 1, 1) for mean in means) + " |"


def _ratio(measured: Sequence[Repetition], rival: str, column: str) -> paired.Interval:
    above, below = ([each[name][column] for each in measured] for name in (CROSSBENCH, rival))
    return paired.ratio(above, below)
