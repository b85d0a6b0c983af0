"""One request in the few quantities that the metrics are made of, judged valid or named invalid.

Its stamps are not kept: a run may hold a million samples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from sys import intern

from msgspec import Struct

from crossbench.analysis.exclusion import Rule, fault
from crossbench.analysis.stream import Counted, content, counted_by, tokens
from crossbench.journal.events import SampleTaken

NS = 1e9


class Sample(Struct, frozen=True, kw_only=True, gc=False):
    """One request, in the quantities of METRICS: seconds, tokens, chunks that carried a token."""

    line: int
    """Of the journal."""
    launch: str
    """The launch of the plan."""
    worker: str
    """The worker process that measured it."""
    repeat: int
    """The pass over the scenario's prompts that it belongs to."""
    prompt: int
    """Index of its prompt in the scenario."""
    fault: str | None
    """Why it does not count, or None; the quantities below then mean nothing."""
    rule: Rule | None = None
    """Which rule leaves it out."""
    prompt_tokens: int
    """P."""
    cached: int | None
    """P_cached, or None where the engine does not tell."""
    tokens: int
    """N."""
    later_tokens: int
    """N - k1: tokens after the first chunk."""
    counted_by: Counted
    """Whence N is known."""
    chunks: int
    ttft_s: float
    """t1 - t0."""
    decode_s: float
    """tn - t1."""
    t0_ns: int = 0
    """By the clock of its worker."""
    delay_s: float = 0.0
    """How long after it was due it was handed to the engine."""
    replica: int = 0
    """Which of the target's replicas served it."""

    @property
    def end_ns(self) -> int:
        """When its last chunk came; when it began, where none did."""
        return self.t0_ns + round(self.e2e_s * NS)

    @property
    def e2e_s(self) -> float:
        """tn - t0."""
        return self.ttft_s + self.decode_s


def judged(line: int, event: SampleTaken, launch: str, stamps: list[int] | None = None) -> Sample:
    """The quantities of a sample, or why it has none; `stamps` of its content, if they are had."""
    record = event.record
    stamps = content(event) if stamps is None else stamps
    found = fault(event, stamps)
    produced, first = tokens(record)
    return Sample(
        line=line,
        launch=launch,
        worker=intern(event.launch),  # one text for all samples of a worker
        repeat=event.repeat,
        prompt=event.prompt,
        fault=found.found if found else None,
        rule=found.rule if found else None,
        prompt_tokens=event.prompt_tokens,
        cached=record.finish.cached_prompt_tokens if record.finish else None,
        tokens=produced,
        later_tokens=produced - first,
        counted_by=counted_by(record),
        chunks=len(stamps),
        ttft_s=stamps[0] / NS if stamps else 0.0,
        decode_s=(stamps[-1] - stamps[0]) / NS if stamps else 0.0,
        t0_ns=record.t0_ns,
        delay_s=record.delay_ns / NS if record.delay_ns else 0.0,
        replica=event.replica,
    )


def by_launch(samples: Iterable[Sample]) -> Mapping[str, list[Sample]]:
    """The samples of each launch, in order."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.launch].append(sample)
    return groups
