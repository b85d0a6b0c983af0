"""Which samples do not count: by rule, before anyone looks at their value, and counted by rule."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.analysis.stream import counted_by, tokens
from crossbench.journal.events import PassTaken, SampleTaken
from crossbench.worker.protocol import Record

Rule: TypeAlias = Literal[
    "request-failed",
    "foreign-process",
    "suspended",
    "clock",
    "stamps",
    "no-token",
    "token-count",
    "cache-count",
    "torn-pass",
    "disturbed-pass",
    "late-start",
]
NS = 1e9
LEAST_SUSPENSION_NS = 10_000_000
"""Two clocks read one after the other differ by less than this on a machine that did not sleep."""
LATEST_START_NS = 50_000_000
"""Replicas that begin within this of each other begin together: a worker that waits is woken within
a few milliseconds, within some ten where others want its processor."""


class Fault(Struct, frozen=True):
    """The rule that a sample falls under, and what was found."""

    rule: Rule
    found: str


def fault(event: SampleTaken, stamps: list[int]) -> Fault | None:
    """The rule that leaves a sample out, or None; `stamps` are those of its content."""
    record = event.record
    if record.failure is not None:
        return Fault("request-failed", record.failure.message)
    return _disturbance(event) or _timing_fault(record, stamps) or _count_fault(event)


def late(taken: PassTaken) -> Fault | None:
    """The rule by which a whole pass counts for nothing: that not all replicas began with it.

    One that was not ready would have its own lateness for a delay of its requests.
    """
    if taken.late_ns <= LATEST_START_NS:
        return None
    return Fault("late-start", f"a replica began {taken.late_ns / NS:.2g} s after the others")


def _disturbance(event: SampleTaken) -> Fault | None:
    """What came from outside; what a machine does to itself, such as heat, is its result."""
    if event.strangers:
        found = f"{event.strangers} other processes came onto its devices meanwhile"
        return Fault("foreign-process", found)
    slept = event.record.suspended_ns
    if slept > LEAST_SUSPENSION_NS:
        found = f"the machine was suspended for {slept / NS:.1f} s meanwhile"
        return Fault("suspended", found)
    return None


def _timing_fault(record: Record, stamps: list[int]) -> Fault | None:
    if len(record.stamps_ns) != len(record.counts) or min(record.counts, default=0) < 0:
        return Fault("stamps", "its stamps and counts do not belong together")
    if not stamps:
        return Fault("no-token", "no token came")
    if sorted(record.stamps_ns) != list(record.stamps_ns):
        return Fault("clock", "the clock ran backwards")
    if stamps[0] <= 0:
        return Fault("clock", "the first token came in no time")
    return None


def _count_fault(event: SampleTaken) -> Fault | None:
    finish = event.record.finish
    produced, _ = tokens(event.record)
    ended = event.natural and finish is not None and finish.reason == "stop"
    if not produced:
        found = "the engine streams text and does not tell how many tokens it was"
        return Fault("token-count", found)
    # Tokenising a text again gives about as many tokens as it was made of, not exactly.
    exact = counted_by(event.record) != "text" or (finish and finish.reason == "stop")
    if exact and produced != event.asked_tokens and not (ended and produced < event.asked_tokens):
        found = f"{produced} tokens came, {event.asked_tokens} were asked"
        return Fault("token-count", found)
    cached = finish.cached_prompt_tokens if finish else None
    if cached is not None and not 0 <= cached <= event.prompt_tokens:
        found = f"{cached} of {event.prompt_tokens} prompt tokens are said to have been cached"
        return Fault("cache-count", found)
    return None
