"""What the measured figures are held against."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.llamacpp import paired
from benchmarks.llamacpp.tables import CROSSBENCH, LOOP, Repetitions

RATIO_INTERVAL = (0.98, 1.02)
RATIO_POINT = (0.99, 1.01)
SLOW_TOKEN_S = 0.005
ADDED_S = 15e-6


def of_random(measured: Repetitions) -> list[str]:
    """Neither decode nor prefill may tell crossbench from the C loop."""
    token_s = paired.mean([each[LOOP].token_s for each in measured]).point
    lines = [_said(token_s >= SLOW_TOKEN_S, f"a token takes {token_s * 1e3:.2f} ms, at least 5 ms")]
    for name, column in (("prefill", 0), ("decode", 1)):
        crossbench, loop = ([each[who][column] for each in measured] for who in (CROSSBENCH, LOOP))
        found = paired.ratio(crossbench, loop)
        met = found.within(*RATIO_INTERVAL) and RATIO_POINT[0] <= found.point <= RATIO_POINT[1]
        lines.append(
            _said(
                met,
                f"{name} takes {found.point:.4f} [{found.low:.4f}, {found.high:.4f}] of the C "
                f"loop's time, interval inside 0.98 to 1.02 and point within 0.99 to 1.01",
            )
        )
    return lines


def of_tiny(measured: Repetitions) -> list[str]:
    """What crossbench adds to a token that costs next to nothing."""
    crossbench, loop = ([each[who].token_s for each in measured] for who in (CROSSBENCH, LOOP))
    added = paired.difference(crossbench, loop)
    point, low, high = (1e6 * part for part in added)
    return [
        _said(
            added.high <= ADDED_S,
            f"crossbench adds {point:.1f} [{low:.1f}, {high:.1f}] us to a token, at most 15 us",
        )
    ]


OF_CASE: dict[str, Callable[[Repetitions], list[str]]] = {"random": of_random, "tiny": of_tiny}


def _said(met: bool, text: str) -> str:
    return f"- {'met' if met else 'MISSED'}: {text}"
