"""Verdicts: faster, slower, tie or inconclusive, each with its reason in words.

With a practical threshold of 3 %: **faster** or **slower** where the 95 % interval of the ratio
excludes 1, still does after Holm's correction over all ratios judged together, and the point
exceeds the threshold; **tie** where the 90 % interval lies inside the threshold (two one-sided
tests at 5 %); **inconclusive** otherwise. The threshold is symmetric on the log scale, from 1/1.03
to 1.03, so that B against A mirrors A against B.

Where repeats still get slower or faster within a target's launches, its value is off by up to that
trend, and no number of launches tells by how much: both intervals are judged as that much wider,
and the point must exceed the threshold by that much more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

from crossbench.statistics.logmean import Interval
from crossbench.statistics.ratio import Ratio

Verdict: TypeAlias = Literal["faster", "slower", "tie", "inconclusive"]
Key = TypeVar("Key")

THRESHOLD = 0.03
"""A smaller difference does not matter in practice."""
ALPHA = 0.05
NORMAL_90 = 1.645
"""90 % of a normal variable lies within so many standard deviations."""
PRIMARY: Mapping[str, bool] = {
    "ttft_s": False,
    "prefill_tps": True,
    "decode_tps": True,
    "throughput_tps": True,
}
"""The metrics that are judged -> whether more is better. Others show ratio and interval only."""


class Judgement(Struct, frozen=True, kw_only=True):
    """A verdict on A against B, and why."""

    verdict: Verdict
    reason: str
    p: float | None
    """After Holm's correction; None where there was nothing to test."""


def verdicts(
    ratios: Mapping[Key, Ratio],
    *,
    higher_is_better: Mapping[Key, bool],
    threshold: float = THRESHOLD,
    unsettled: Mapping[Key, float] | None = None,
) -> dict[Key, Judgement]:
    """What may be said of each ratio A over B, when all of them are looked at together.

    `unsettled`: how far trends within launches may have moved a ratio, on the log scale.

    Hand over all that a reader sees at once: every primary metric of every scenario and pair of one
    comparison, since a winner by chance anywhere in it is a false claim.
    """
    tests = {key: _test(ratio) for key, ratio in ratios.items() if ratio.p is not None}
    corrected = holm({test: test.p for test in tests.values()})
    return {
        key: _judged(
            ratio,
            corrected[tests[key]] if key in tests else None,
            of=len(corrected),
            better=higher_is_better[key],
            threshold=threshold,
            unsettled=(unsettled or {}).get(key, 0.0),
        )
        for key, ratio in ratios.items()
    }


class _Test(Struct, frozen=True):
    """What tells one test from another.

    TTFT and prefill throughput of a cell are inverses of each other, so that their ratios are one
    test told twice, and count once.
    """

    p: float
    distance: float


def _test(ratio: Ratio) -> _Test:
    """Equal for a ratio and its inverse, to nine digits."""
    assert ratio.p is not None
    assert ratio.point is not None
    return _Test(float(f"{ratio.p:.9g}"), float(f"{abs(math.log(ratio.point)):.9g}"))


def holm(ps: Mapping[Key, float]) -> dict[Key, float]:
    """p values corrected for being looked at together (Holm 1979), each at most 1."""
    corrected: dict[Key, float] = {}
    running = 0.0
    for rank, key in enumerate(sorted(ps, key=lambda key: ps[key])):
        running = max(running, min(1.0, (len(ps) - rank) * ps[key]))
        corrected[key] = running
    return corrected


def _judged(
    ratio: Ratio,
    p: float | None,
    *,
    of: int,
    better: bool,
    threshold: float,
    unsettled: float,
) -> Judgement:
    if ratio.point is None or ratio.ci95 is None or ratio.ci90 is None or p is None:
        return Judgement(verdict="inconclusive", reason="; ".join(ratio.reasons), p=None)
    doubt = math.exp(unsettled)
    if _within(ratio.ci90, doubt, 1 + threshold):
        reason = f"the 90 % interval lies within {threshold:.0%}"
        return Judgement(verdict="tie", reason=reason, p=p)
    excludes = not ratio.ci95.holds(1.0)
    beyond = not 1 / (1 + threshold) <= ratio.point <= 1 + threshold
    if excludes and beyond and p <= ALPHA and not _explains(ratio, doubt, 1 + threshold):
        faster = (ratio.point > 1) == better
        reason = f"the 95 % interval excludes 1 and the ratio exceeds {threshold:.0%}"
        return Judgement(verdict="faster" if faster else "slower", reason=reason, p=p)
    if unsettled and ((excludes and beyond) or _within(ratio.ci90, 1.0, 1 + threshold)):
        told = (
            f"repeats changed by {doubt - 1:.1%} within launches, which may be all there is to it"
        )
        return Judgement(verdict="inconclusive", reason=told, p=p)
    return Judgement(
        verdict="inconclusive",
        reason=_undecided(ratio, excludes=excludes, beyond=beyond, p=p, of=of, threshold=threshold),
        p=p,
    )


def _within(interval: Interval, doubt: float, band: float) -> bool:
    """Whether the interval, that much wider, lies inside 1 / band to band."""
    return 1 / band < interval.low / doubt and interval.high * doubt < band


def _explains(ratio: Ratio, doubt: float, band: float) -> bool:
    """Whether a difference may be nothing but a trend within launches and the threshold."""
    if doubt == 1 or ratio.point is None or ratio.ci95 is None:
        return False
    nearest = ratio.ci95.low if ratio.point > 1 else 1 / ratio.ci95.high
    return nearest <= doubt or max(ratio.point, 1 / ratio.point) <= doubt * band


def _undecided(
    ratio: Ratio, *, excludes: bool, beyond: bool, p: float, of: int, threshold: float
) -> str:
    if excludes and beyond:
        return f"not certain enough among {of} ratios judged together (p {p:.2g} after Holm)"
    if excludes:
        return f"there is a difference, but whether it exceeds {threshold:.0%} is open"
    told = f"too much noise: the 95 % interval holds 1, the 90 % one reaches beyond {threshold:.0%}"
    needed = enough(ratio.sd_log, threshold) if ratio.sd_log and threshold > 0 else ratio.n
    return f"{told}; about {needed} launches would tell" if needed > ratio.n else told


def enough(sd_log: float, threshold: float = THRESHOLD) -> int:
    """About how many launches give a 90 % interval half as wide as the threshold's band.

    With so many, ratios that differ as `Ratio.sd_log` says tie where there is no difference.
    """
    reach = NORMAL_90 * sd_log / (math.log1p(threshold) / 2)
    return math.ceil(reach**2) + 2
