"""How long things take, as ranges: of one target's parts, and of a whole plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace


class Span(Struct, frozen=True):
    """A duration that is known only to lie between two, in seconds."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, count: float) -> Span:
        """That long, so many times."""
        return Span(self.low * count, self.high * count)

    def less(self, seconds: float) -> Span:
        """What is left of it after so many seconds; never below nothing."""
        return Span(max(0.0, self.low - seconds), max(0.0, self.high - seconds))

    @property
    def middle(self) -> float:
        """Halfway between its ends."""
        return (self.low + self.high) / 2

    @property
    def lower_half(self) -> Span:
        """Up to the geometric mean of its ends."""
        return Span(self.low, math.sqrt(self.low * self.high))


def total(spans: Iterable[Span]) -> Span:
    """All of them, one after the other."""
    return sum(spans, Span())


class Pace(Struct, frozen=True, kw_only=True):
    """How long each part of a launch of one target takes."""

    load: Span
    """From the start of the process to the loaded session."""
    rest: Span
    """All of a launch that is neither loading nor a request: checks between, and its end."""
    passes: Mapping[str, Span]
    """Scenario -> one pass over it: each of its prompts once, or all requests of its load."""
    window: Span
    """Scoring one window."""
    whence: str
    """Where this is known from, in words."""
    measured: bool = False
    """Whether it was; else it is a guess, whose upper end lies far above what is likely."""

    @property
    def likely(self) -> Pace:
        """What to reckon with: a measured pace itself, of a guess no more than its middle."""
        if self.measured:
            return self
        return replace(
            self,
            load=self.load.lower_half,
            rest=self.rest.lower_half,
            passes={scenario: span.lower_half for scenario, span in self.passes.items()},
            window=self.window.lower_half,
        )


class Estimate(Struct, frozen=True, kw_only=True):
    """How long a plan will take from its first launch to its last, and what comes before."""

    span: Span
    """Of the targets whose pace is known."""
    paces: Mapping[str, Pace]
    unknown: tuple[str, ...] = ()
    """Targets of whose pace nothing is known, so that the whole takes longer than `span`."""
    fetch_bytes: int = 0
    """Still to be fetched, at a rate that nobody knows."""
    unsized: tuple[str, ...] = ()
    """Targets with something to fetch whose size is not known."""
    builds: tuple[str, ...] = ()
    """Targets whose environment is built first, which takes minutes to an hour."""


class Budget(Struct, frozen=True, kw_only=True):
    """How long a run may take, and what was left out for it."""

    seconds: float
    cuts: tuple[str, ...] = ()
    """In the order in which they were decided, in words."""
    kept: bool | None = None
    """Whether the upper end of the estimate lies within it; None where some pace was not measured,
    and what is likely was held against it instead."""
