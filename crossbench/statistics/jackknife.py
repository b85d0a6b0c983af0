"""The interval of what is made of all launches together: by what it is without each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from crossbench.statistics.logmean import Interval, LogMean, sd


def jackknife(point: float, without: Sequence[float]) -> tuple[Interval | None, str | None]:
    """Student's t on the log scale, or why there is none; `without` each of the launches in turn,
    empty where there is but one."""
    if not point:
        return None, "it is zero, which has no logarithm"
    if not all(without):
        return None, "without one of its launches it is zero, which has no logarithm"
    n = max(1, len(without))
    pseudo = [n * math.log(point) - (n - 1) * math.log(each) for each in without]
    error = sd(pseudo) / math.sqrt(n) if n > 1 else 0.0
    return LogMean(mean=math.log(point), error=error, freedom=n - 1, n=n).bounded()
