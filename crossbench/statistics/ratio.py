"""A against B: the ratio of two cells, with the intervals that their launches support.

On one machine the launches of a block are paired, so that whatever the machine did during that
block cancels. Across machines nothing is shared, and Welch's t allows each its own spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from crossbench.statistics.logmean import Interval, LogMean, mean, sd, unusable


class Ratio(Struct, frozen=True, kw_only=True):
    """A over B, or None with the reasons why it is withheld."""

    point: float | None
    ci95: Interval | None
    ci90: Interval | None
    n: int
    """Blocks that both have; unpaired, launches of the side that has fewer."""
    paired: bool
    p: float | None
    """How likely a ratio this far from 1 is where there is none; two-sided, uncorrected."""
    sd_log: float | None = None
    """Standard error of the logarithm times the root of n: paired, how much blocks differ."""
    dropped: int = 0
    """Launches left out because the other side has none in their block."""
    reasons: tuple[str, ...] = ()
    """Why a part of it is missing, and what was left out."""


def paired(a: Mapping[int, float], b: Mapping[int, float]) -> Ratio:
    """A over B from block -> launch value, over the blocks that both have.

    Student's t over the differences of logarithms.
    """
    blocks = sorted(a.keys() & b.keys())
    dropped = len(a) + len(b) - 2 * len(blocks)
    blank = Ratio(
        point=None,
        ci95=None,
        ci90=None,
        n=len(blocks),
        paired=True,
        p=None,
        dropped=dropped,
        reasons=(_told(dropped),) if dropped else (),
    )
    if not blocks:
        return _with(blank, "no block holds a launch of both")
    for side in (a, b):
        if reason := unusable([side[block] for block in blocks]):
            return _with(blank, reason)
    logs = [math.log(a[block]) - math.log(b[block]) for block in blocks]
    n = len(logs)
    middle = mean(logs)
    error = sd(logs, centre=middle) / math.sqrt(n) if n > 1 else 0.0
    return _ratio(blank, LogMean(mean=middle, error=error, freedom=n - 1, n=n))


def unpaired(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """A over B from launch values that share no blocks: Welch's t on their logarithms.

    The degrees of freedom are Satterthwaite's.
    """
    n = min(len(a), len(b))
    blank = Ratio(point=None, ci95=None, ci90=None, n=n, paired=False, p=None)
    for side in (a, b):
        if reason := unusable(side):
            return _with(blank, reason)
    logs = [[math.log(value) for value in side] for side in (a, b)]
    parts = [sd(side) ** 2 / len(side) if len(side) > 1 else 0.0 for side in logs]
    whole = sum(parts)
    weights = [
        (part / whole) ** 2 / (len(side) - 1)
        for part, side in zip(parts, logs, strict=True)
        if part
    ]
    found = LogMean(
        mean=mean(logs[0]) - mean(logs[1]),
        error=math.sqrt(whole),
        freedom=1 / sum(weights) if weights else 0,
        n=n,
    )
    return _ratio(blank, found)


def _ratio(blank: Ratio, found: LogMean) -> Ratio:
    if not 0 < found.point < math.inf:
        return _with(blank, "the two differ too much")
    interval, lacking = found.bounded()
    if lacking:
        return _with(replace(blank, point=found.point), lacking)
    return replace(
        blank,
        point=found.point,
        ci95=interval,
        ci90=found.at(0.90),
        p=found.p,
        sd_log=found.error * math.sqrt(found.n),
    )


def _with(ratio: Ratio, reason: str) -> Ratio:
    return replace(ratio, reasons=(*ratio.reasons, reason))


def _told(dropped: int) -> str:
    launches = "1 launch" if dropped == 1 else f"{dropped} launches"
    return f"{launches} left out, as the other target has none in that block"
