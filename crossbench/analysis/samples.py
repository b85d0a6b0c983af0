"""From journal events to the samples of each cell, each judged valid or named invalid.

A sample is kept as the few quantities that the metrics are made of, not as its stamps: a run may
hold a million.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.errors import InputError
from crossbench.journal import (
    CellFailed,
    Event,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    RunEnded,
    RunResumed,
    SampleTaken,
    ScoringFailed,
    WindowScored,
)
from crossbench.plan.model import Plan
from crossbench.worker.protocol import Record

Counted: TypeAlias = Literal["ids", "usage", "text"]
NS = 1e9
LEAST_SUSPENSION_NS = 10_000_000
"""Two clocks read one after the other differ by less than this on a machine that did not sleep."""


class Sample(Struct, frozen=True, kw_only=True, gc=False):
    """One request, in the quantities of METRICS: seconds, tokens, chunks that carried a token."""

    line: int
    """Of the journal."""
    launch: str
    """The launch of the plan."""
    worker: str
    """The worker process that measured it."""
    prompt: int
    """Index of its prompt in the scenario."""
    fault: str | None
    """Why it does not count, or None; the quantities below then mean nothing."""
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

    @property
    def e2e_s(self) -> float:
        """tn - t0."""
        return self.ttft_s + self.decode_s


class Cell:
    """The samples of one target on one scenario."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        """All that were timed, valid or not, in the order of the journal."""
        self.gaps: dict[str, array[float]] = defaultdict(lambda: array("d"))
        """Launch -> seconds between the chunks of its valid samples."""
        self.native: dict[str, list[float]] = {}
        """Figure of the engine's own -> its sum over the valid samples, and how many gave it."""

    @property
    def valid(self) -> list[Sample]:
        """The samples that count."""
        return [sample for sample in self.samples if sample.fault is None]

    def take(self, line: int, event: SampleTaken, launch: str) -> None:
        """Add the sample of this line, measured for this launch of the plan."""
        sample = judged(line, event, launch)
        self.samples.append(sample)
        if sample.fault is not None:
            return
        stamps = _content(event)
        self.gaps[launch].extend((after - before) / NS for before, after in pairwise(stamps))
        finish = event.record.finish
        for name, value in (finish.native if finish else {}).items():
            told = self.native.setdefault(name, [0.0, 0.0])
            told[0] += value
            told[1] += 1


def judged(line: int, event: SampleTaken, launch: str) -> Sample:
    """The quantities of a sample, or why it has none."""
    record = event.record
    stamps = _content(event)
    fault = _fault(event, stamps)
    tokens, first = _tokens(record)
    return Sample(
        line=line,
        launch=launch,
        worker=event.launch,
        prompt=event.prompt,
        fault=fault,
        prompt_tokens=event.prompt_tokens,
        cached=record.finish.cached_prompt_tokens if record.finish else None,
        tokens=tokens,
        later_tokens=tokens - first,
        counted_by=_counted_by(record),
        chunks=len(stamps),
        ttft_s=stamps[0] / NS if stamps else 0.0,
        decode_s=(stamps[-1] - stamps[0]) / NS if stamps else 0.0,
    )


def _counted_by(record: Record) -> Counted:
    if record.token_ids is not None or record.finish is None:
        return "ids"
    return record.finish.counted_by or "ids"


def _tokens(record: Record) -> tuple[int, int]:
    """N and k1. Of a stream of text k1 is the first chunk's share of the bytes."""
    if record.token_ids is not None:
        counts = [count for count in record.counts if count > 0]
        return sum(counts), counts[0] if counts else 0
    total = record.finish.output_tokens if record.finish else None
    sizes = [size for size in record.text_bytes if size > 0]
    if not total or not sizes:
        return 0, 0
    return total, min(total, max(1, round(total * sizes[0] / sum(sizes))))


def _content(event: SampleTaken) -> list[int]:
    """Stamps of the chunks that carried a token, in nanoseconds from t0."""
    record = event.record
    amounts = record.counts if record.token_ids is not None else record.text_bytes
    return [stamp for stamp, amount in zip(record.stamps_ns, amounts, strict=False) if amount > 0]


def _fault(event: SampleTaken, stamps: list[int]) -> str | None:
    if event.record.failure is not None:
        return event.record.failure.message
    return _timing_fault(event.record, stamps) or _count_fault(event)


def _timing_fault(record: Record, stamps: list[int]) -> str | None:
    if len(record.stamps_ns) != len(record.counts) or any(count < 0 for count in record.counts):
        return "its stamps and counts do not belong together"
    if record.suspended_ns > LEAST_SUSPENSION_NS:
        return f"the machine was suspended for {record.suspended_ns / NS:.1f} s meanwhile"
    if not stamps:
        return "no token came"
    if any(later < earlier for earlier, later in pairwise(record.stamps_ns)):
        return "the clock ran backwards"
    if stamps[0] <= 0:
        return "the first token came in no time"
    return None


def _count_fault(event: SampleTaken) -> str | None:
    finish = event.record.finish
    produced, _ = _tokens(event.record)
    ended = event.natural and finish is not None and finish.reason == "stop"
    if not produced:
        return "the engine streams text and does not tell how many tokens it was"
    # Tokenising a text again gives about as many tokens as it was made of, not exactly.
    exact = _counted_by(event.record) != "text" or (finish and finish.reason == "stop")
    if exact and produced != event.asked_tokens and not (ended and produced < event.asked_tokens):
        return f"{produced} tokens came, {event.asked_tokens} were asked"
    cached = finish.cached_prompt_tokens if finish else None
    if cached is not None and not 0 <= cached <= event.prompt_tokens:
        return f"{cached} of {event.prompt_tokens} prompt tokens are said to have been cached"
    return None


class Measurements:
    """Everything a journal holds, by launch and by cell (target, scenario)."""

    def __init__(self, plan: Plan, events: Iterable[tuple[int, Event]]) -> None:
        """Read (line, event) pairs. Raises InputError for an event of what is not in the plan."""
        self._targets = {target.target for target in plan.targets}
        self._scenarios = {scenario.scenario for scenario in plan.scenarios}
        self.started: dict[str, LaunchStarted] = {}
        self.ready: dict[str, LaunchReady] = {}
        self.ended: dict[str, LaunchEnded] = {}
        self.cells: dict[tuple[str, str], Cell] = defaultdict(Cell)
        self.first: dict[str, tuple[str, Sample]] = {}
        """Worker -> scenario and sample of the very first request it served."""
        self.failures: dict[tuple[str, str], list[CellFailed]] = defaultdict(list)
        self.scores: dict[str, dict[int, WindowScored]] = defaultdict(dict)
        """Target -> window -> how it predicts it."""
        self.unscored: dict[str, ScoringFailed] = {}
        """Target -> why it could not be scored, at last."""
        self.outcome: RunEnded | None = None
        self.changes: tuple[str, ...] = ()
        """What had changed when the run was resumed."""
        self._sent: dict[tuple[str, int, int, int], tuple[str, bytes]] = {}
        self._shared: dict[str, bool] = {}
        self._foreign: set[str] = set()
        for line, event in events:
            self._take(line, event)

    def launches_of(self, target: str) -> list[str]:
        """The timed launches of a target that became ready, in order."""
        return [
            launch
            for launch in self.ready
            if self.started[launch].target == target and self.started[launch].purpose == "timed"
        ]

    def same_ids(self, scenario: str) -> bool | None:
        """Whether, wherever two targets took the sample of one place, they computed the same ids.

        None where no two targets did; false where an engine put a template of its own around them.
        """
        shared = self._shared.get(scenario)
        return shared and scenario not in self._foreign

    def _take(self, line: int, event: Event) -> None:  # noqa: C901 (a case an event)
        if isinstance(event, RunEnded | RunResumed):
            self.outcome = event if isinstance(event, RunEnded) else None
            self.changes += event.changes if isinstance(event, RunResumed) else ()
            return
        if isinstance(event, LaunchStarted):
            if event.target not in self._targets:
                raise InputError(f"journal line {line}: the plan has no target {event.target!r}")
            self.started[event.launch] = event
            return
        if event.launch not in self.started:
            raise InputError(f"journal line {line}: launch {event.launch!r} was never started")
        if isinstance(event, SampleTaken | CellFailed) and event.scenario not in self._scenarios:
            raise InputError(f"journal line {line}: the plan has no scenario {event.scenario!r}")
        target = self.started[event.launch].target
        match event:
            case LaunchReady():
                self.ready[event.launch] = event
            case LaunchEnded():
                self.ended[event.launch] = event
            case SampleTaken():
                self._sample(line, event)
            case CellFailed():
                self.failures[target, event.scenario].append(event)
            case WindowScored():
                self.scores[target][event.window] = event
            case ScoringFailed():
                self.unscored[target] = event

    def _sample(self, line: int, event: SampleTaken) -> None:
        if event.launch not in self.ready:
            raise InputError(f"journal line {line}: launch {event.launch!r} was never ready")
        start = self.started[event.launch]
        if event.launch not in self.first:
            self.first[event.launch] = event.scenario, judged(line, event, start.planned)
        if event.role != "timed":
            return
        self.cells[start.target, event.scenario].take(line, event, start.planned)
        if self.ready[event.launch].loaded.prompt == "template":
            self._foreign.add(event.scenario)
        place = (event.scenario, start.block, event.repeat, event.prompt)
        sent = (start.target, event.prompt_sha256.encode()[:32])
        target, ids = self._sent.setdefault(place, sent)
        if target != start.target:
            alike = self._shared.get(event.scenario, True)
            self._shared[event.scenario] = alike and ids == sent[1]


def by_launch(samples: Iterable[Sample]) -> Mapping[str, list[Sample]]:
    """The samples of each launch, in order."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.launch].append(sample)
    return groups
