"""One target on one scenario: its samples, and its passes where it was under load."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from operator import sub

from msgspec.structs import replace

from crossbench.analysis.passes import Pass
from crossbench.analysis.sample import NS, Sample, judged
from crossbench.analysis.stream import Reasoned, content, engines_own
from crossbench.journal.events import SampleTaken
from crossbench.suite.model import Load


class Cell:
    """The samples of one target on one scenario."""

    def __init__(self) -> None:
        self.requests = 1
        """Of one pass over its scenario."""
        self.load: Load | None = None
        """None where one request ran at a time."""
        self.passes: dict[tuple[str, int], Pass] = {}
        """Worker and repeat -> its passes under load, whether they count or not."""
        self.samples: list[Sample] = []
        """All that were timed, valid or not, in the order of the journal."""
        self.gaps: dict[str, array[float]] = defaultdict(lambda: array("d"))
        """Launch -> seconds between the chunks of its valid samples."""
        self.sentinels: list[Sample] = []
        """What was measured once more at the ends of launches."""
        self.alone: dict[str, list[Sample]] = defaultdict(list)
        """Phase ("prefill", "decode") -> requests of it alone, repeated for its energy."""
        self.native: dict[str, list[float]] = {}
        """Figure of the engine's own -> its sum over the valid samples, and how many gave it."""
        self.reasoned: Reasoned | None = None
        """Of the valid samples in which reasoning came before the answer, where there are any."""
        self._sent = hashlib.sha256()
        self._valid: list[Sample] | None = None
        """Once all is read."""

    @property
    def valid(self) -> list[Sample]:
        """The samples that count."""
        if self._valid is not None:
            return self._valid
        return [sample for sample in self.samples if sample.fault is None]

    @property
    def whole(self) -> list[Sample]:
        """Those of passes that count: with a valid sample of every prompt, or under load."""
        valid = self.valid
        if self.requests == 1 or self.load is not None:
            return valid
        turns = {(sample.launch, sample.repeat, sample.prompt) for sample in valid}
        passes = Counter((launch, repeat) for launch, repeat, _ in turns)
        return [sample for sample in valid if passes[sample.launch, sample.repeat] == self.requests]

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
        stamps = content(event)
        sample = judged(line, event, launch, stamps)
        self.samples.append(sample)
        if self.load is not None:
            place = (sample.worker, sample.repeat)
            self.passes.setdefault(place, Pass(launch)).take(sample, event)
        if sample.fault is not None:
            return
        if self.load is None:
            self.gaps[launch].extend([gap / NS for gap in map(sub, stamps[1:], stamps)])
        if event.record.reasoning_chunks:
            self.reasoned = (self.reasoned or Reasoned()).plus(event.record)
        for name, value in engines_own(event.record.finish).items():
            told = self.native.setdefault(name, [0.0, 0.0])
            told[0] += value
            told[1] += 1

    def settle(self) -> None:
        """Once all is read: the samples of passes that do not count do not, either."""
        for taken in self.passes.values():
            if taken.fault is None:
                self.gaps[taken.launch].extend(taken.gaps)
        if self.passes:
            self.samples = [self._settled(sample) for sample in self.samples]
        self._valid = self.valid

    def _settled(self, sample: Sample) -> Sample:
        taken = self.passes.get((sample.worker, sample.repeat))
        found = taken.fault if taken and sample.fault is None else None
        return replace(sample, fault=found.found, rule=found.rule) if found else sample
