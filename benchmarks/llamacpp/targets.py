"""What the measured figures are held against."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import tables
from benchmarks.tables import CROSSBENCH, Repetitions

LOOP = "C loop"
BARE = "C loop that chooses no token"
APART = "C loop, a program of its own"
LLAMA_BENCH = "llama-bench"
ORDER = (CROSSBENCH, LOOP, BARE, APART, LLAMA_BENCH)
"""Rows of the table."""
PAIRS = (
    (CROSSBENCH, LOOP),
    (CROSSBENCH, BARE),
    (CROSSBENCH, APART),
    (LOOP, APART),
    (LLAMA_BENCH, APART),
    (CROSSBENCH, LLAMA_BENCH),
)
RATIO_INTERVAL = (0.98, 1.02)
RATIO_POINT = (0.99, 1.01)
ADDED_S = 15e-6


def of_random(measured: Repetitions) -> list[str]:
    """Neither decode nor prefill may tell crossbench from the C loop."""
    lines = [tables.slow_enough(measured, LOOP)]
    for column, name in enumerate(("prefill", "decode")):
        found = tables.ratio(measured, (CROSSBENCH, LOOP), column)
        met = found.within(*RATIO_INTERVAL) and RATIO_POINT[0] <= found.point <= RATIO_POINT[1]
        told = (
            f"{name} takes {tables.scaled(found, 1, 4)} of the C loop's time, "
            "interval inside 0.98 to 1.02 and point within 0.99 to 1.01"
        )
        lines.append(tables.verdict(met, told))
    if LLAMA_BENCH in measured[0]:
        lines.append(tables.decode_verdict(measured, LLAMA_BENCH))
    return lines


def of_tiny(measured: Repetitions) -> list[str]:
    """What crossbench adds to a token that costs next to nothing."""
    added = tables.added_s(measured, (CROSSBENCH, LOOP), 1)
    told = f"crossbench adds {tables.scaled(added, 1e6, 1)} us to a token, at most 15 us"
    return [tables.verdict(added.high <= ADDED_S, told)]


OF_CASE: dict[str, Callable[[Repetitions], list[str]]] = {"random": of_random, "tiny": of_tiny}
