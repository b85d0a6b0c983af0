"""What of a run is measured already: pure reading of its journal, for resuming."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from crossbench.errors import InputError
from crossbench.journal import (
    CellFailed,
    Event,
    LaunchStarted,
    SampleTaken,
    ScoringFailed,
    WindowScored,
)
from crossbench.plan.model import Launch

Done = tuple[str, int, int]
"""Scenario, repeat and prompt of a finished timed request."""


class History:
    """Finished samples, failed cells and workers started, by launch of the plan."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Read a journal; without one, nothing is measured yet. Raises InputError."""
        self.failed: set[tuple[str, str]] = set()
        """Target and scenario of the cells that could not be measured."""
        self.unscored: set[str] = set()
        """Targets that could not be scored."""
        self._scored: dict[str, set[int]] = defaultdict(set)
        self._done: dict[tuple[str, int], set[Done]] = defaultdict(set)
        self._workers: Counter[tuple[str, int]] = Counter()
        self._places: dict[str, tuple[str, int]] = {}
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case LaunchStarted():
                place = self._places[event.launch] = (event.target, event.block)
                self._workers[place] += 1
            case SampleTaken() if event.role == "timed" and event.record.failure is None:
                turn = (event.scenario, event.repeat, event.prompt)
                self._done[self._place(event.launch)].add(turn)
            case WindowScored():
                self._scored[self._place(event.launch)[0]].add(event.window)
            case ScoringFailed():
                self.unscored.add(self._place(event.launch)[0])
            case CellFailed():
                target, _ = self._place(event.launch)
                self.failed.add((target, event.scenario))
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

    def scored(self, target: str) -> frozenset[int]:
        """Windows of the scoring set that need not be scored again."""
        return frozenset(self._scored[target])

    def forget_failures(self) -> None:
        """Let everything that failed be tried again."""
        self.failed.clear()
        self.unscored.clear()

    @property
    def requests(self) -> int:
        """Timed requests finished, of all launches."""
        return sum(len(turns) for turns in self._done.values())

    def next_worker(self, launch: Launch) -> str:
        """Name of the launch's next worker: its own, then with a number."""
        place = (launch.target, launch.block)
        self._workers[place] += 1
        count = self._workers[place]
        return launch.id if count == 1 else f"{launch.id}@{count}"
