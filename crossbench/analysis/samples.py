"""From journal events to the samples of each cell, each judged valid or named invalid.

A sample is kept as the few quantities that the metrics are made of, not as its stamps: a run may
hold a million.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from msgspec import Struct

from crossbench.analysis.exclusion import Rule, fault
from crossbench.analysis.stream import Counted, content, counted_by, tokens
from crossbench.errors import InputError
from crossbench.journal import (
    CellFailed,
    Event,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    LeftOut,
    RunEnded,
    RunResumed,
    SampleTaken,
    ScoringFailed,
    WindowScored,
)
from crossbench.plan.model import Plan

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

    @property
    def e2e_s(self) -> float:
        """tn - t0."""
        return self.ttft_s + self.decode_s


class Cell:
    """The samples of one target on one scenario."""

    def __init__(self) -> None:
        self.prompts = 1
        """Prompts of its scenario: requests of one pass."""
        self.samples: list[Sample] = []
        """All that were timed, valid or not, in the order of the journal."""
        self.gaps: dict[str, array[float]] = defaultdict(lambda: array("d"))
        """Launch -> seconds between the chunks of its valid samples."""
        self.sentinels: list[Sample] = []
        """What was measured once more at the ends of launches."""
        self.native: dict[str, list[float]] = {}
        """Figure of the engine's own -> its sum over the valid samples, and how many gave it."""
        self._sent = hashlib.sha256()

    @property
    def valid(self) -> list[Sample]:
        """The samples that count."""
        return [sample for sample in self.samples if sample.fault is None]

    @property
    def whole(self) -> list[Sample]:
        """Those of passes that have a valid sample of every prompt."""
        valid = self.valid
        if self.prompts == 1:
            return valid
        turns = {(sample.launch, sample.repeat, sample.prompt) for sample in valid}
        passes = Counter((launch, repeat) for launch, repeat, _ in turns)
        return [sample for sample in valid if passes[sample.launch, sample.repeat] == self.prompts]

    @property
    def sent(self) -> str:
        """Hash over the ids of every timed request and its place, in the order they were made."""
        return self._sent.hexdigest()

    def send(self, block: int, event: SampleTaken) -> None:
        """Take down which ids were sent in which place."""
        place = f"{block} {event.repeat} {event.prompt} {event.prompt_sha256}\n"
        self._sent.update(place.encode())

    def take(self, line: int, event: SampleTaken, launch: str) -> None:
        """Add the sample of this line, measured for this launch of the plan."""
        sample = judged(line, event, launch)
        self.samples.append(sample)
        if sample.fault is not None:
            return
        stamps = content(event)
        self.gaps[launch].extend((after - before) / NS for before, after in pairwise(stamps))
        finish = event.record.finish
        for name, value in (finish.native if finish else {}).items():
            told = self.native.setdefault(name, [0.0, 0.0])
            told[0] += value
            told[1] += 1


def judged(line: int, event: SampleTaken, launch: str) -> Sample:
    """The quantities of a sample, or why it has none."""
    record = event.record
    stamps = content(event)
    found = fault(event, stamps)
    produced, first = tokens(record)
    return Sample(
        line=line,
        launch=launch,
        worker=event.launch,
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
    )


class Measurements:
    """Everything a journal holds, by launch and by cell (target, scenario)."""

    def __init__(self, plan: Plan, events: Iterable[tuple[int, Event]]) -> None:
        """Read (line, event) pairs. Raises InputError for an event of what is not in the plan."""
        self._targets = {target.target for target in plan.targets}
        self._scenarios = {scenario.scenario for scenario in plan.scenarios}
        self._prompts = {each.scenario: len(each.prompt_tokens) for each in plan.scenarios}
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
        self.left_out: list[LeftOut] = []
        """What was planned and not measured, for every target alike."""
        self.seconds = 0.0
        """How long all workers took, those aside that nobody saw the end of."""
        self.strays: set[tuple[str, str]] = set()
        """Target and scenario that were sent other ids than the target before them."""
        self._sent: dict[tuple[str, int, int, int], tuple[str, bytes]] = {}
        self._shared: dict[str, bool] = {}
        self._foreign: set[str] = set()
        for line, event in events:
            self._take(line, event)
        self._launches: dict[str, list[str]] = defaultdict(list)
        for launch in self.ready:
            if self.started[launch].purpose == "timed":
                self._launches[self.started[launch].target].append(launch)

    def launches_of(self, target: str) -> list[str]:
        """The timed launches of a target that became ready, in order."""
        return list(self._launches.get(target, ()))

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
        if isinstance(event, LeftOut):
            self.left_out.append(event)
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
                self.seconds += event.seconds or 0.0
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
        if event.role == "sentinel":
            again = judged(line, event, start.planned)
            self.cells[start.target, event.scenario].sentinels.append(again)
        if event.role != "timed":
            return
        cell = self.cells[start.target, event.scenario]
        cell.prompts = self._prompts[event.scenario]
        cell.take(line, event, start.planned)
        cell.send(start.block, event)
        if self.ready[event.launch].loaded.prompt == "template":
            self._foreign.add(event.scenario)
        place = (event.scenario, start.block, event.repeat, event.prompt)
        sent = (start.target, event.prompt_sha256.encode()[:32])
        target, ids = self._sent.setdefault(place, sent)
        if target != start.target:
            alike = self._shared.get(event.scenario, True)
            self._shared[event.scenario] = alike and ids == sent[1]
            if ids != sent[1]:
                self.strays.add((start.target, event.scenario))


def by_launch(samples: Iterable[Sample]) -> Mapping[str, list[Sample]]:
    """The samples of each launch, in order."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.launch].append(sample)
    return groups
