"""From journal events to the samples of each cell, and to its passes where it was under load."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from operator import sub
from typing import TypeAlias

from msgspec.structs import replace

from crossbench.analysis.passes import Pass
from crossbench.analysis.sample import NS, Sample, judged
from crossbench.analysis.stream import content, engines_own
from crossbench.errors import InputError
from crossbench.instrument.model import Figures
from crossbench.journal import (
    BackgroundWorked,
    CellFailed,
    Event,
    InstrumentMeasured,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    LeftOut,
    LevelLeftOut,
    PassTaken,
    RunEnded,
    RunResumed,
    SampleTaken,
    ScoringFailed,
    WindowScored,
)
from crossbench.plan.model import Plan
from crossbench.suite.model import Load

Conduct: TypeAlias = RunEnded | RunResumed | LeftOut | LevelLeftOut | InstrumentMeasured
"""Events of no worker."""
CELLULAR = SampleTaken | PassTaken | BackgroundWorked | CellFailed
"""What a worker tells of a cell."""


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
        self._sent = hashlib.sha256()

    @property
    def valid(self) -> list[Sample]:
        """The samples that count."""
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
        for name, value in engines_own(event.record.finish).items():
            told = self.native.setdefault(name, [0.0, 0.0])
            told[0] += value
            told[1] += 1

    def settle(self) -> None:
        """Once all is read: the samples of passes that do not count do not, either."""
        for taken in self.passes.values():
            if taken.fault is None:
                self.gaps[taken.launch].extend(taken.gaps)
        self.samples = [self._settled(sample) for sample in self.samples]

    def _settled(self, sample: Sample) -> Sample:
        taken = self.passes.get((sample.worker, sample.repeat))
        found = taken.fault if taken and sample.fault is None else None
        return replace(sample, fault=found.found, rule=found.rule) if found else sample


class Measurements:
    """Everything a journal holds, by launch and by cell (target, scenario)."""

    def __init__(self, plan: Plan, events: Iterable[tuple[int, Event]]) -> None:
        """Read (line, event) pairs. Raises InputError for an event of what is not in the plan."""
        self._targets = {target.target for target in plan.targets}
        self._scenarios = {scenario.scenario for scenario in plan.scenarios}
        self._asked = {scenario.name: scenario for scenario in plan.suite.scenarios}
        self.started: dict[str, LaunchStarted] = {}
        self.ready: dict[str, LaunchReady] = {}
        self.ended: dict[str, LaunchEnded] = {}
        self.cells: dict[tuple[str, str], Cell] = defaultdict(Cell)
        self.first: dict[str, tuple[str, Sample]] = {}
        """Worker -> scenario and sample of the very first request it served."""
        self.failures: dict[tuple[str, str], list[CellFailed]] = defaultdict(list)
        self.backgrounds: dict[tuple[str, str], list[BackgroundWorked]] = defaultdict(list)
        """Target and scenario -> what worked beside its timed passes."""
        self.scores: dict[str, dict[int, WindowScored]] = defaultdict(dict)
        """Target -> window -> how it predicts it."""
        self.unscored: dict[str, ScoringFailed] = {}
        """Target -> why it could not be scored, at last."""
        self.instrument: Figures | None = None
        """The last measured, of a run that was resumed; None where no scenario was under load."""
        self.outcome: RunEnded | None = None
        self.changes: tuple[str, ...] = ()
        """What had changed when the run was resumed."""
        self.left_out: list[LeftOut] = []
        """What was planned and not measured, for every target alike."""
        self.levels_left_out: dict[tuple[str, int, str], LevelLeftOut] = {}
        """Target, block and scenario of the levels of load that single launches did not measure."""
        self.seconds = 0.0
        """How long all workers took, those aside that nobody saw the end of."""
        self.strays: set[tuple[str, str]] = set()
        """Target and scenario that were sent other ids than the target before them."""
        self._sent: dict[tuple[str, int, int, int], tuple[str, bytes]] = {}
        self._shared: dict[str, bool] = {}
        self._foreign: set[str] = set()
        for line, event in events:
            self._take(line, event)
        self._sent.clear()  # of a run of a million samples as much as the samples themselves
        for cell in self.cells.values():
            cell.settle()
        self._launches: dict[str, list[str]] = defaultdict(list)
        for launch in self.ready:
            if self.started[launch].purpose == "timed":
                self._launches[self.started[launch].target].append(launch)

    @cached_property
    def cells_of(self) -> Mapping[str, Mapping[str, Cell]]:
        """Target -> scenario -> cell, of those that have samples; once all is read."""
        found: dict[str, dict[str, Cell]] = defaultdict(dict)
        for (target, scenario), cell in self.cells.items():
            found[target][scenario] = cell
        return found

    def launches_of(self, target: str) -> list[str]:
        """The timed launches of a target that became ready, in order."""
        return list(self._launches.get(target, ()))

    def same_ids(self, scenario: str) -> bool | None:
        """Whether, wherever two targets took the sample of one place, they computed the same ids.

        None where no two targets did; false where an engine put a template of its own around them.
        """
        shared = self._shared.get(scenario)
        return shared and scenario not in self._foreign

    def _take(self, line: int, event: Event) -> None:  # noqa: C901, PLR0912 (a case an event)
        if isinstance(event, Conduct):
            self._conducted(line, event)
            return
        if isinstance(event, LaunchStarted):
            if event.target not in self._targets:
                raise InputError(f"journal line {line}: the plan has no target {event.target!r}")
            self.started[event.launch] = event
            return
        if event.launch not in self.started:
            raise InputError(f"journal line {line}: launch {event.launch!r} was never started")
        if isinstance(event, CELLULAR) and event.scenario not in self._scenarios:
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
            case PassTaken():
                self._pass(target, event)
            case BackgroundWorked() if event.role == "timed":
                self.backgrounds[target, event.scenario].append(event)
            case CellFailed():
                self.failures[target, event.scenario].append(event)
                self._tried(target, event)
            case WindowScored():
                self.scores[target][event.window] = event
            case ScoringFailed():
                self.unscored[target] = event

    def _conducted(self, line: int, event: Conduct) -> None:
        """How the run went, of no worker's."""
        match event:
            case InstrumentMeasured():
                self.instrument = event.figures
            case RunEnded():
                self.outcome = event
            case RunResumed():
                self.outcome = None
                self.changes += event.changes
            case LeftOut():
                self.left_out.append(event)
            case LevelLeftOut():
                if event.target not in self._targets or event.scenario not in self._scenarios:
                    what = f"{event.target!r} on {event.scenario!r}"
                    raise InputError(f"journal line {line}: the plan has no {what}")
                self.levels_left_out[event.target, event.block, event.scenario] = event

    def _pass(self, target: str, event: PassTaken) -> None:
        cell = self.cells.get((target, event.scenario))
        taken = cell.passes.get((event.launch, event.repeat)) if cell else None
        if event.role == "timed" and taken is not None:
            taken.taken = event
            self._tried(target, event)

    def _tried(self, target: str, event: PassTaken | CellFailed) -> None:
        """A level that was left out has been measured after all, or has failed."""
        place = (target, self.started[event.launch].block, event.scenario)
        self.levels_left_out.pop(place, None)

    def _sample(self, line: int, event: SampleTaken) -> None:
        if event.launch not in self.ready:
            raise InputError(f"journal line {line}: launch {event.launch!r} was never ready")
        start = self.started[event.launch]
        if event.launch not in self.first:
            self.first[event.launch] = event.scenario, judged(line, event, start.planned)
        if event.role == "sentinel":
            again = judged(line, event, start.planned)
            self.cells[start.target, event.scenario].sentinels.append(again)
        if event.role in ("prefill", "decode"):
            again = judged(line, event, start.planned)
            self.cells[start.target, event.scenario].alone[event.role].append(again)
        if event.role != "timed":
            return
        cell = self.cells[start.target, event.scenario]
        asked = self._asked[event.scenario]
        cell.requests, cell.load = asked.requests, asked.load
        cell.take(line, event, start.planned)
        cell.send(start.block, event)
        if self.ready[event.launch].loaded.prompt == "template":
            self._foreign.add(event.scenario)
        place = (asked.name, start.block, event.repeat, event.prompt)
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
