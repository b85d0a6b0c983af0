"""What of a run is measured already: pure reading of its journal, for resuming."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from crossbench.errors import InputError
from crossbench.journal.events import (
    CellFailed,
    Event,
    LaunchEnded,
    LaunchStarted,
    LeftOut,
    LevelLeftOut,
    PassTaken,
    SampleTaken,
    ScoringFailed,
    WindowScored,
)
from crossbench.plan.model import Launch, Plan

Done = tuple[str, int, int]
"""Scenario, repeat and number of a finished timed request."""
MEASURED = ("timed", "burn_in")
"""Roles that another worker goes on with. Warm-ups are made anew; a sentinel belongs to the worker
that measured its cell before, and is not made by another."""


class History:
    """Finished samples, failed cells and workers started, by launch of the plan."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Read a journal; without one, nothing is measured yet. Raises InputError."""
        self.failed: set[tuple[str, str]] = set()
        """Target and scenario of the cells that could not be measured."""
        self.unscored: set[str] = set()
        """Targets that could not be scored."""
        self.left_out: set[int] = set()
        """Blocks that are not to be measured any more."""
        self.scoring_left_out = False
        self.spent_s = 0.0
        """How long its workers took, those aside that nobody saw the end of."""
        self._scored: dict[str, set[int]] = defaultdict(set)
        self._done: dict[tuple[str, int], set[Done]] = defaultdict(set)
        self._passes: dict[tuple[str, int], dict[tuple[str, int], PassTaken]] = defaultdict(dict)
        """Target and block -> scenario and repeat of the passes under load that are whole."""
        self._levels_left_out: set[tuple[str, int, str]] = set()
        self._workers: Counter[tuple[str, int]] = Counter()
        self._places: dict[str, tuple[str, int]] = {}
        for event in events:
            self.take(event)

    def take(self, event: Event) -> None:
        """One event more. Raises InputError for one of a launch that never began."""
        match event:
            case LaunchStarted():
                place = self._places[event.launch] = (event.target, event.block)
                self._workers[place] += 1
            case SampleTaken() if event.role in MEASURED and event.record.failure is None:
                turn = (event.scenario, event.repeat, event.prompt)
                self._done[self._place(event.launch)].add(turn)
            case PassTaken() if event.role in MEASURED:
                passes = self._passes[self._place(event.launch)]
                passes[event.scenario, event.repeat] = event
            case LevelLeftOut():
                self._levels_left_out.add((event.target, event.block, event.scenario))
            case WindowScored():
                self._scored[self._place(event.launch)[0]].add(event.window)
            case ScoringFailed():
                self.unscored.add(self._place(event.launch)[0])
            case CellFailed():
                target, _ = self._place(event.launch)
                self.failed.add((target, event.scenario))
            case LaunchEnded():
                self.spent_s += event.seconds or 0.0
            case LeftOut():
                self.left_out |= set(event.blocks)
                self.scoring_left_out |= event.scoring
            case _:
                pass

    def _place(self, launch: str) -> tuple[str, int]:
        try:
            return self._places[launch]
        except KeyError:
            raise InputError(f"the journal is damaged: launch {launch!r} never began") from None

    def done(self, launch: Launch) -> frozenset[Done]:
        """Timed requests of this launch that need not be made again."""
        return frozenset(self._done[launch.target, launch.block])

    def passes(self, launch: Launch, scenario: str) -> Mapping[int, PassTaken]:
        """Repeat -> the pass under load that this launch need not make again."""
        found = self._passes[launch.target, launch.block]
        return {repeat: taken for (name, repeat), taken in found.items() if name == scenario}

    def left(self, plan: Plan, launch: Launch) -> list[str]:
        """Scenarios of a launch that are still to be measured, or to be finished."""
        return [
            name
            for name in launch.scenarios
            if (launch.target, name) not in self.failed
            and (launch.target, launch.block, name) not in self._levels_left_out
            and not self._is_whole(plan, launch, name)
        ]

    def _is_whole(self, plan: Plan, launch: Launch, name: str) -> bool:
        repeats = range(plan.suite.protocol.repeats)
        scenario = plan.scenario(name)
        if scenario.load is not None:
            return set(repeats) <= self.passes(launch, name).keys()
        wanted = {
            (name, repeat, number) for repeat in repeats for number in range(scenario.requests)
        }
        return wanted <= self._done[launch.target, launch.block]

    def scored(self, target: str) -> frozenset[int]:
        """Windows of the scoring set that need not be scored again."""
        return frozenset(self._scored[target])

    def has(self, block: int) -> bool:
        """Whether something of a block was measured."""
        return any(turns for (_, where), turns in self._done.items() if where == block)

    @property
    def began(self) -> bool:
        """Whether something that counts was measured."""
        return any(turns for (_, block), turns in self._done.items() if block >= 0)

    def forget_failures(self) -> None:
        """Let everything that failed be tried again, and the levels above be judged anew."""
        self.failed.clear()
        self._levels_left_out.clear()
        self.unscored.clear()

    def next_worker(self, launch: Launch) -> str:
        """Name of the launch's next worker: its own, then with a number."""
        place = (launch.target, launch.block)
        self._workers[place] += 1
        count = self._workers[place]
        name = launch.id if count == 1 else f"{launch.id}@{count}"
        self._places[name] = place
        return name
