"""Journals of scripted times: what a run of a plan would write if each part took so long."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from crossbench.journal.events import Event, LaunchEnded, LaunchStarted, SampleTaken
from crossbench.plan.model import Launch, Plan
from tests.analysis.test_definitions import ready, sample


class Script(Struct, frozen=True, kw_only=True):
    """Seconds that the parts of every launch take."""

    load: float = 2.0
    request: float = 0.5
    rest: float = 1.0

    def launch(self, plan: Plan, launch: Launch) -> float:
        """All of a launch; every scenario has one prompt."""
        return self.load + self.rest + self.request * sum(plan.passes(launch).values())

    def plan(self, plan: Plan) -> float:
        """All launches."""
        return sum(self.launch(plan, launch) for launch in (*plan.burn_in, *plan.launches))


def events(plan: Plan, launch: Launch, script: Script) -> Iterator[tuple[float, Event]]:
    """What a launch writes, each with the seconds since the one before."""
    yield (
        0.0,
        LaunchStarted(
            launch=launch.id,
            planned=launch.id,
            target=launch.target,
            block=launch.block,
            purpose=launch.purpose,
            utc="2026-01-01T00:00:00Z",
            monotonic_ns=0,
        ),
    )
    yield script.load, ready(launch.id, load_ms=1000 * script.load - 3)
    for scenario, passes in plan.passes(launch).items():
        for repeat in range(passes):
            taken = sample([500 * script.request, 1000 * script.request], launch=launch.id)
            event = SampleTaken(
                launch=launch.id,
                scenario=scenario,
                role="timed",
                repeat=repeat,
                prompt=0,
                prompt_tokens=16,
                prompt_sha256="",
                asked_tokens=2,
                natural=False,
                record=taken.record,
            )
            yield script.request, event
    yield (
        script.rest,
        LaunchEnded(
            launch=launch.id,
            stage="quit",
            exit_code=0,
            memory={},
            seconds=script.launch(plan, launch),
        ),
    )
