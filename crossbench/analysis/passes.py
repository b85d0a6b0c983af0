"""One pass under load: all requests of one repeat at one level, as one worker served them.

Requests that run beside each other are one measurement, so a pass counts whole or not at all: not
where its worker was lost before the end, not where a replica began late, and not where something
from outside disturbed a request of it. A request that failed belongs to a pass like any other; only
its tokens do not count.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import pairwise

from crossbench.analysis.exclusion import Fault, Rule, late
from crossbench.analysis.sample import NS, Sample
from crossbench.analysis.stream import chunks
from crossbench.journal.events import PassTaken, SampleTaken

OUTSIDE: frozenset[Rule] = frozenset({"foreign-process", "suspended"})
"""What befell a request and, with it, all that ran beside it."""


class Pass:
    """Its requests, and when each of their tokens came."""

    def __init__(self, launch: str) -> None:
        self.launch = launch
        """The launch of the plan."""
        self.samples: list[Sample] = []
        self.stamps = array("q")
        """When each chunk came, in nanoseconds of the worker's clock, in no order."""
        self.tokens = array("d")
        """How many tokens it carried."""
        self.gaps = array("d")
        """Seconds between the chunks of each request."""
        self.taken: PassTaken | None = None
        """Written once all were answered."""

    def take(self, sample: Sample, event: SampleTaken) -> None:
        """One request more."""
        self.samples.append(sample)
        if sample.fault is not None:
            return
        stamps, tokens = chunks(event)
        self.stamps.extend(sample.t0_ns + stamp for stamp in stamps)
        self.tokens.extend(tokens)
        self.gaps.extend((after - before) / NS for before, after in pairwise(stamps))

    @property
    def fault(self) -> Fault | None:
        """Why it does not count, or None."""
        if self.taken is None:
            return Fault("torn-pass", "its pass was broken off")
        if any(sample.rule in OUTSIDE for sample in self.samples):
            return Fault("disturbed-pass", "a request beside it was disturbed from outside")
        return late(self.taken)

    @property
    def valid(self) -> list[Sample]:
        """The requests that were answered as asked."""
        return [sample for sample in self.samples if sample.fault is None]

    @property
    def seconds(self) -> float:
        """From the first request to the last token of all."""
        began = min(sample.t0_ns for sample in self.samples)
        return (max(sample.end_ns for sample in self.samples) - began) / NS


def counting(passes: Mapping[tuple[str, int], Pass]) -> Mapping[str, list[Pass]]:
    """Launch -> its passes that count, of those by worker and repeat, in the order measured."""
    groups: dict[str, list[Pass]] = {}
    for taken in passes.values():
        if taken.fault is None and taken.samples:
            groups.setdefault(taken.launch, []).append(taken)
    return groups
