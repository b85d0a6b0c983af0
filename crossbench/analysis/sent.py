"""Which token ids were sent in which place, and whether every target was sent the same."""

from __future__ import annotations

from crossbench.journal.events import LaunchStarted, SampleTaken


class Sent:
    """The timed requests of a run, by scenario, block, repeat and number."""

    def __init__(self) -> None:
        self.strays: set[tuple[str, str]] = set()
        """Target and scenario that were sent other ids than the target before them."""
        self.rewritten: set[str] = set()
        """Scenarios to whose prompts an engine put a template of its own."""
        self._first: dict[tuple[str, int, int, int], tuple[str, bytes]] = {}
        """Place -> the first target that was asked in it, and the hash of what it was sent."""
        self._alike: dict[str, bool] = {}

    def take(self, launch: LaunchStarted, event: SampleTaken) -> None:
        """Take down the ids of one timed request."""
        place = (event.scenario, launch.block, event.repeat, event.prompt)
        sent = (launch.target, event.prompt_sha256.encode()[:32])
        target, ids = self._first.setdefault(place, sent)
        if target != launch.target:
            self._alike[event.scenario] = self._alike.get(event.scenario, True) and ids == sent[1]
            if ids != sent[1]:
                self.strays.add((launch.target, event.scenario))

    def settle(self) -> None:
        """Once all is read: of a run of a million samples this is as much as the samples."""
        self._first.clear()

    def same(self, scenario: str) -> bool | None:
        """Whether, wherever two targets took the sample of one place, they computed the same ids.

        None where no two targets did; false where an engine put a template of its own around them.
        """
        alike = self._alike.get(scenario)
        return alike and scenario not in self.rewritten
