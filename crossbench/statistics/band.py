"""The noise band: how far apart one target lies from itself, measured under two names."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from crossbench.statistics.logmean import CONFIDENCE, Interval, LogMean, exp, unusable


class Band(Struct, frozen=True, kw_only=True):
    """Ratios that this machine gives, with so many launches, where there is no difference."""

    ratio: float | None
    """The ratio that was found."""
    band: Interval | None
    """95 % of such ratios lie in it; None with a reason."""
    n: int
    """Blocks."""
    reasons: tuple[str, ...] = ()


def band(a: Mapping[int, float], b: Mapping[int, float]) -> Band:
    """The band from block -> launch value of one target under two names.

    The true ratio is 1, so deviations are counted from there and no degree of freedom goes to
    a mean: Student's t with as many freedoms as blocks.
    """
    blocks = sorted(a.keys() & b.keys())
    n = len(blocks)
    reason = None if blocks else "no block holds a launch of both"
    for side in (a, b):
        reason = reason or unusable([side[block] for block in blocks])
    if reason:
        return Band(ratio=None, band=None, n=n, reasons=(reason,))
    logs = [math.log(a[block]) - math.log(b[block]) for block in blocks]
    spread = math.sqrt(math.fsum(log**2 for log in logs) / n)
    around = LogMean(mean=0.0, error=spread / math.sqrt(n), freedom=n, n=n)
    return Band(
        ratio=exp(math.fsum(logs) / n),
        band=around.interval(CONFIDENCE),
        n=n,
        reasons=(around.lacking,) if around.lacking else (),
    )
