"""One cell: the value over its launches, with the interval its launches support.

Launches are the unit of replication: repeats within one launch share its memory layout, clocks and
heat, so that pooling them makes intervals that are much too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from crossbench.statistics.logmean import Interval, LogMean, mean, sd, unusable

__all__ = ["Estimate", "Interval", "cell"]


class Estimate(Struct, frozen=True, kw_only=True):
    """A value over launches, or None with the reasons why it is withheld."""

    point: float | None
    interval: Interval | None
    """95 %; None with a reason."""
    n: int
    """Launches."""
    sd_log: float | None
    """Standard deviation of the launches' logarithms: 0.01 is 1 %; None for fewer than two."""
    reasons: tuple[str, ...] = ()


def cell(launches: Sequence[float], *, spent: float = 0.0) -> Estimate:
    """The geometric mean over launches; its 95 % interval is Student's t on their logarithms.

    `spent` is what taking a drift out of them took of their degrees of freedom
    (`crossbench.statistics.drift.Line.spent`).
    """
    if reason := unusable(launches):
        return Estimate(point=None, interval=None, n=len(launches), sd_log=None, reasons=(reason,))
    logs = [math.log(value) for value in launches]
    n, middle = len(logs), mean(logs)
    freedom = n - 1 - spent
    spread = sd(logs, freedom, middle) if freedom > 0 else None
    found = LogMean(mean=middle, error=(spread or 0.0) / math.sqrt(n), freedom=freedom, n=n)
    interval, lacking = found.bounded()
    return Estimate(
        point=found.point,
        interval=interval,
        n=n,
        sd_log=spread,
        reasons=(lacking,) if lacking else (),
    )
