"""Everything a journal holds, laid out by launch and by cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeAlias

from crossbench.analysis.cell import Cell
from crossbench.analysis.sample import Sample, judged
from crossbench.analysis.sent import Sent
from crossbench.errors import InputError
from crossbench.instrument.model import Figures
from crossbench.journal.events import (
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

Conduct: TypeAlias = RunEnded | RunResumed | LeftOut | LevelLeftOut | InstrumentMeasured
"""Events of no worker."""
CELLULAR = SampleTaken | PassTaken | BackgroundWorked | CellFailed
"""What a worker tells of a cell."""


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
        """The last measured, of a run that was resumed; None where it was not."""
        self.outcome: RunEnded | None = None
        self.changes: tuple[str, ...] = ()
        """What had changed when the run was resumed."""
        self.left_out: list[LeftOut] = []
        """What was planned and not measured, for every target alike."""
        self.levels_left_out: dict[tuple[str, int, str], LevelLeftOut] = {}
        """Target, block and scenario of the levels of load that single launches did not measure."""
        self.seconds = 0.0
        """How long all workers took, those aside that nobody saw the end of."""
        self.untold: dict[str, set[str]] = defaultdict(set)
        """Target -> why it is not known who else computed on its devices while it was timed."""
        self.sent = Sent()
        for line, event in events:
            self._take(line, event)
        self.sent.settle()
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
        if event.strangers_untold is not None:
            self.untold[start.target].add(event.strangers_untold)
        cell.take(line, event, start.planned)
        cell.send(start.block, event)
        self.sent.take(start, event)
        if self.ready[event.launch].loaded.prompt == "template":
            self.sent.rewritten.add(event.scenario)
