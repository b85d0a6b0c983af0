"""What a run stands on: its plan, its prompts, its journal, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from crossbench.api import BackendSpec, Capability, Needs
from crossbench.duration.forecast import Forecast
from crossbench.envs.environment import Environment
from crossbench.journal.events import Event, Role, SampleTaken
from crossbench.journal.writer import Journal
from crossbench.machine.drain import Drain
from crossbench.machine.recorder import Recording, Unrecorded
from crossbench.plan.model import Plan
from crossbench.plan.time import Span
from crossbench.prompts.book import PromptBook
from crossbench.registry import Registry
from crossbench.suite.model import Target
from crossbench.worker.protocol import FailureKind
from crossbench.worker.pulse import Beat


class Watcher(Protocol):
    """Who is told how the run goes; the command line draws it."""

    def launching(self, launch: str, target: str, place: str) -> None:
        """A worker starts; `place` is its number among all, such as "2/8"."""
        ...

    def resting(self, seconds: float, celsius: float | None) -> None:
        """The machine is left to cool; so long so far, and so hot where that can be read."""
        ...

    def expecting(self, left: Span | None) -> None:
        """How much longer it will take from now; None where nobody knows yet."""
        ...

    def measuring(self, scenario: str, role: Role, repeat: int) -> None:
        """A request of this scenario begins."""
        ...

    def scoring(self, window: int, windows: int) -> None:
        """A window of the scoring set begins, counted from 1."""
        ...

    def beat(self, beat: Beat) -> None:
        """About ten times a second while a worker works."""
        ...

    def sampled(self, sample: SampleTaken) -> None:
        """A request has finished and is on disk."""
        ...

    def failed(self, what: Sequence[str], kind: FailureKind, message: str) -> None:
        """These scenarios could not be measured, all for one reason; none where a worker was lost
        behind all that is timed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that a run stands on."""

    plan: Plan
    book: PromptBook
    registry: Registry
    environments: Mapping[str, Environment]
    """Target -> its environment."""
    artifacts: Mapping[str, str]
    """Target -> the file or directory its engine is given."""
    journal: Journal
    watcher: Watcher
    drain: Drain
    forecast: Forecast
    recorder: Recording = field(default_factory=Unrecorded)

    def write(self, event: Event) -> None:
        """Write it down, and tell what it makes of the time that is left. Raises JournalFailure."""
        self.journal.append(event)
        self.forecast.take(event)
        self.watcher.expecting(self.forecast.left())

    def target(self, name: str) -> Target:
        """A target of the suite."""
        return next(target for target in self.plan.suite.targets if target.name == name)

    def spec(self, target: str) -> BackendSpec:
        """The backend of a target."""
        return self.registry.backend(self.target(target).backend).spec

    def needs(self, target: str) -> Needs:
        """What the timed launches of a target ask of it."""
        able = Capability.FORCED_IDS in self.spec(target).capabilities
        return Needs(
            context_tokens=self.book.context_tokens,
            streams=self.plan.streams(target),
            forced_ids=able and self.book.forces,
        )
