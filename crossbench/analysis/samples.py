"""From journal events to the samples of each cell, each judged valid or named invalid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import pairwise

from crossbench.journal import (
    CellFailed,
    Event,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    RunEnded,
    SampleTaken,
)

NS = 1e9


class Sample:
    """One request with the quantities that METRICS defines on its stamps, in seconds and tokens."""

    def __init__(self, line: int, event: SampleTaken) -> None:
        self.line = line
        """Line of the journal that holds it."""
        self.event = event
        self._record = event.record

    @property
    def launch(self) -> str:
        """The launch that measured it."""
        return self.event.launch

    @cached_property
    def content(self) -> list[tuple[int, int]]:
        """(stamp, tokens) of each chunk that carried a token."""
        pairs = zip(self._record.stamps_ns, self._record.counts, strict=True)
        return [(stamp, tokens) for stamp, tokens in pairs if tokens > 0]

    @property
    def prompt_tokens(self) -> int:
        """P."""
        return self.event.prompt_tokens

    @property
    def cached(self) -> int | None:
        """P_cached, or None where the engine does not tell."""
        return self._record.finish.cached_prompt_tokens if self._record.finish else None

    @cached_property
    def tokens(self) -> int:
        """N."""
        return sum(tokens for _, tokens in self.content)

    @property
    def later_tokens(self) -> int:
        """N - k1: tokens after the first chunk."""
        return self.tokens - self.content[0][1]

    @property
    def ttft_s(self) -> float:
        """t1 - t0."""
        return self.content[0][0] / NS

    @property
    def decode_s(self) -> float:
        """tn - t1."""
        return (self.content[-1][0] - self.content[0][0]) / NS

    @property
    def e2e_s(self) -> float:
        """tn - t0."""
        return self.content[-1][0] / NS

    @property
    def gaps_s(self) -> list[float]:
        """Between chunks."""
        stamps = [stamp for stamp, _ in self.content]
        return [(after - before) / NS for before, after in pairwise(stamps)]

    @cached_property
    def fault(self) -> str | None:
        """Why it does not count, or None."""
        record = self._record
        if record.failure is not None:
            return record.failure.message
        if not self.content:
            return "no token came"
        if any(later < earlier for earlier, later in pairwise(record.stamps_ns)):
            return "the clock ran backwards"
        if self.content[0][0] <= 0:
            return "the first token came in no time"
        stopped = record.finish is not None and record.finish.reason == "stop"
        if self.tokens != self.event.asked_tokens and not stopped:
            return f"{self.tokens} tokens came, {self.event.asked_tokens} were asked"
        return None


class Measurements:
    """Everything a journal holds, by launch and by cell."""

    def __init__(self, events: Iterable[tuple[int, Event]]) -> None:
        self.started: dict[str, LaunchStarted] = {}
        self.ready: dict[str, LaunchReady] = {}
        self.ended: dict[str, LaunchEnded] = {}
        self.timed: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        self.warmups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        self.failures: dict[tuple[str, str], list[CellFailed]] = defaultdict(list)
        self.outcome: RunEnded | None = None
        for line, event in events:
            self._take(line, event)

    def _take(self, line: int, event: Event) -> None:
        match event:
            case LaunchStarted():
                self.started[event.launch] = event
            case LaunchReady():
                self.ready[event.launch] = event
            case LaunchEnded():
                self.ended[event.launch] = event
            case SampleTaken():
                kept = self.timed if event.role == "timed" else self.warmups
                kept[self._cell(event)].append(Sample(line, event))
            case CellFailed():
                self.failures[self._cell(event)].append(event)
            case RunEnded():
                self.outcome = event

    def _cell(self, event: SampleTaken | CellFailed) -> tuple[str, str]:
        return self.started[event.launch].target, event.scenario

    def launches_of(self, target: str) -> list[str]:
        """The launches of a target that became ready, in order."""
        return [launch for launch in self.ready if self.started[launch].target == target]


def by_launch(samples: Iterable[Sample]) -> Mapping[str, list[Sample]]:
    """The samples of each launch, in order."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.launch].append(sample)
    return groups
