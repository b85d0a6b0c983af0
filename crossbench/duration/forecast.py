"""How much longer a run will take, told better with each thing that is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from crossbench.duration.observed import Observed
from crossbench.journal.events import Event
from crossbench.plan.estimate import launch_span, scoring_span
from crossbench.plan.model import Launch, Plan
from crossbench.plan.time import Pace, Span, total

MEASURED = "measured in this run"


class Forecast:
    """What is left of a plan, at the paces expected before and measured since."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is measured yet; `clock` gives seconds."""
        self._plan = plan
        self._clock = clock
        self._observed = Observed(plan.suite.loaded)
        self._prior: Mapping[str, Pace] = plan.estimate.paces if plan.estimate else {}
        self._waiting: list[Launch] = [*plan.burn_in, *plan.launches]
        self._scored: set[str] = set()
        self._now: Launch | None = None
        self._since = 0.0

    def take(self, event: Event) -> None:
        """Something was measured."""
        self._observed.take(event)

    def begins(self, launch: Launch) -> None:
        """What is measured from now on is this launch."""
        self._now, self._since = launch, self._clock()
        self._waiting = [item for item in self._waiting if item != launch]
        if launch.purpose == "scoring":
            self._scored.add(launch.target)

    def ends(self, launch: Launch) -> None:
        """This launch is over, or needs not be made."""
        self._now = None
        self._waiting = [item for item in self._waiting if item != launch]
        if launch.purpose == "scoring":
            self._scored.add(launch.target)

    def drops(self, blocks: Sequence[int]) -> None:
        """These blocks are not measured at all."""
        self._waiting = [item for item in self._waiting if item.block not in blocks]

    def left(self) -> Span | None:
        """From now to the end; None while a target's pace is not known."""
        paces = self._paces()
        wanted = [*self._waiting, *([self._now] if self._now else [])]
        if any(launch.target not in paces for launch in wanted):
            return None
        now = Span()
        if self._now is not None:
            now = self._launch(self._now, paces).less(self._clock() - self._since)
        return now + self.of(self._waiting) + self.scoring()

    def of(self, launches: Sequence[Launch]) -> Span:
        """These launches one after the other, those of unknown pace left aside."""
        paces = self._paces()
        return total(self._launch(item, paces) for item in launches if item.target in paces)

    def scoring(self) -> Span:
        """The scoring that is still to be done."""
        scoring = self._plan.scoring
        if scoring is None:
            return Span()
        left = tuple(item for item in scoring.launches if item.target not in self._scored)
        plan = replace(self._plan, scoring=replace(scoring, launches=left))
        return scoring_span(plan, self._paces())

    def _launch(self, launch: Launch, paces: Mapping[str, Pace]) -> Span:
        if launch.purpose == "scoring":
            windows = self._plan.scoring.windows if self._plan.scoring else 0
            pace = paces[launch.target]
            return pace.load + pace.rest + pace.window.times(windows)
        left = tuple(
            name for name in launch.scenarios if (launch.target, name) not in self._observed.failed
        )
        if not left:
            return Span()
        return launch_span(self._plan, replace(launch, scenarios=left), paces[launch.target])

    def _paces(self) -> Mapping[str, Pace]:
        windows = self._plan.scoring.windows if self._plan.scoring else 0
        found = {}
        for target in self._plan.targets:
            pace = self._observed.pace(
                target.target,
                windows=windows,
                whence=MEASURED,
                prior=self._prior.get(target.target),
            )
            if pace is not None:
                found[target.target] = pace
        return found
