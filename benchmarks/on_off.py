"""Launches that were measured with probes on and off, as a table and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from benchmarks import paired

ALLOWED = (0.99, 1.01)


class Found(NamedTuple):
    """One launch: tokens per second with probes and without, what the sampler took of a core while
    it went, and how often it read in a second of decoding."""

    on_tps: float
    off_tps: float
    core_share: float
    readings_per_s: float

    @property
    def ratio(self) -> float:
        """Speed with probes over speed without."""
        return self.on_tps / self.off_tps


def told(launches: Sequence[Found]) -> str:
    """The table and the verdict."""
    on, off = ([getattr(each, name) for each in launches] for name in ("on_tps", "off_tps"))
    ratio = paired.ratio(on, off)
    word = "met" if ratio.within(*ALLOWED) else "MISSED"
    rows = [("on", paired.mean(on)), ("off", paired.mean(off))]
    return "\n".join(
        [
            "| probes | decode, tokens/s |",
            "| --- | --- |",
            *(f"| {name} | {at.point:.3f} [{at.low:.3f}, {at.high:.3f}] |" for name, at in rows),
            "",
            f"on / off over {len(launches)} launches: {ratio.point:.4f} [{ratio.low:.4f}, "
            f"{ratio.high:.4f}]; inside {ALLOWED[0]:g} to {ALLOWED[1]:g}: {word}. The sampler took "
            f"{fmean(each.core_share for each in launches):.2%} of one core while it went, and "
            f"read {fmean(each.readings_per_s for each in launches):.2f} times a second.",
        ]
    )
