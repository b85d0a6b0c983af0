"""How the times between chunks are distributed: percentiles from the quickest to the rarest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from crossbench.statistics.percentile import MEDIAN, least
from crossbench.statistics.pool import Pool

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
LEAST_LAUNCHES = 2
"""Gaps of one launch are not independent: above the median they tell of that launch only."""


class Latency(Struct, frozen=True, kw_only=True):
    """The gaps of one cell, pooled over its launches."""

    scenario: str
    target: str
    fractions: tuple[float, ...]
    """As far as so many gaps carry them."""
    seconds: tuple[float, ...]
    """The time that this share of the gaps does not exceed."""


def latency(scenario: str, target: str, gaps: Mapping[str, Sequence[float]]) -> Latency | None:
    """`gaps`: launch -> seconds between its chunks. None where there are none."""
    pool = Pool(gaps)
    if not pool.launches:
        return None
    carried = [each for each in FRACTIONS if _carried(each, len(pool), len(pool.launches))]
    return Latency(
        scenario=scenario,
        target=target,
        fractions=tuple(carried),
        seconds=tuple(map(pool.together, carried)),
    )


def _carried(fraction: float, count: int, launches: int) -> bool:
    if fraction <= MEDIAN:
        return True
    return launches >= LEAST_LAUNCHES and count >= least(fraction)
