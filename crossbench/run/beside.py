"""The backgrounds of one launch: at work while a disturbed cell is measured, idle otherwise.

A quiet scenario and its disturbed one are measured in turn within the launch, and the background
is there, loaded, for both: what differs is its work alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from crossbench.api import Request
from crossbench.background.activity import Background, BackgroundFailed
from crossbench.background.command import Running
from crossbench.background.serving import Serving
from crossbench.journal.events import BackgroundWorked
from crossbench.journal.folder import LOGS
from crossbench.places.placement import Crowded, Place
from crossbench.places.seats import seat_beside
from crossbench.run.bench import Bench
from crossbench.run.launch import devices, worker
from crossbench.run.loading import command
from crossbench.run.replicas import Workers
from crossbench.run.turns import Batch
from crossbench.suite.model import Background as Asked
from crossbench.suite.model import Scenario
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Ready

POOL = 16
"""Different requests for each stream of a background: no prompt comes twice between two resets."""


class Beside:
    """At most one background at a time, for the workers of one launch."""

    def __init__(self, bench: Bench, name: str, workers: Workers) -> None:
        """`name` is the launch's in the journal."""
        self._bench = bench
        self._name = name
        self._workers = workers
        self._for = ""
        self._active: Background | None = None
        self._place = Place()

    @contextmanager
    def working(self, scenario: Scenario, batch: Batch) -> Iterator[None]:
        """Let the scenario's background work through the pass that begins with this batch, if it
        has one, and write down what it did.

        Raises BackgroundFailed, also where it died meanwhile. Where another failure ends the pass
        it is left at work: the launch is over, and `close` ends it.
        """
        asked = scenario.background
        if asked is None:
            yield
            return
        with self._told(asked):
            active = self._ready(scenario.name, asked)
            active.work()
            yield
            spell = active.rest()
        self._bench.write(
            BackgroundWorked(
                launch=self._name,
                scenario=scenario.name,
                role=batch.role,
                repeat=batch.repeat,
                place=self._place,
                begin_ns=spell.begin_ns,
                end_ns=spell.end_ns,
                tokens=spell.tokens,
                cpu_s=spell.cpu_s,
            )
        )

    def attest(self, scenario: Scenario) -> None:
        """Within `working`: what was measured so far had the background beside it.

        Raises BackgroundFailed where it had not, and is no sample.
        """
        if scenario.background is not None and self._active is not None:
            self._active.attest()

    def prepare(self, scenario: Scenario) -> None:
        """Have its background there, warm and idle, before anything is measured with it or without.

        Raises BackgroundFailed.
        """
        if scenario.background is not None:
            with self._told(scenario.background):
                active = self._ready(scenario.name, scenario.background)
                active.work()
                active.rest()

    @contextmanager
    def _told(self, asked: Asked) -> Iterator[None]:
        """A failure inside ends the background, and says whose it was."""
        try:
            yield
        except BackgroundFailed as failure:
            self.close()
            raise BackgroundFailed(f"its background ({asked.words}): {failure}") from None

    def members(self) -> Sequence[int]:
        """Ids of the living processes of the background that is there."""
        return self._active.members() if self._active is not None else []

    def close(self) -> None:
        """End the background that is there, if one is."""
        active, self._active = self._active, None
        if active is not None:
            active.end()

    def _ready(self, scenario: str, asked: Asked) -> Background:
        if self._active is not None and self._for == scenario:
            return self._active
        self.close()
        try:
            self._place = seat_beside(asked, self._workers.places, self._workers.left)
        except Crowded as lacking:
            raise BackgroundFailed(f"there is no place for it: {lacking}") from None
        log = f"{self._name}.beside-{scenario}.log"
        self._for = scenario
        self._active = self._serving(asked, log) if asked.target else self._running(asked, log)
        return self._active

    def _running(self, asked: Asked, log: str) -> Running:
        return Running(
            asked.command,
            environ={**os.environ, **devices(self._place)},
            cpus=self._place.cpus,
            log=self._bench.journal.folder / LOGS / log,
            settle_s=asked.settle_s,
        )

    def _serving(self, asked: Asked, log: str) -> Serving:
        bench, target = self._bench, asked.target or ""
        if target not in bench.environments:
            raise BackgroundFailed("it cannot run here")
        scenario = bench.plan.scenario(asked.scenario or "")
        needs = replace(bench.needs(target), streams=scenario.streams)
        try:
            process = worker(bench, target, log, self._place)
            try:
                process.ask(command(bench, target, needs), Ready, bench.watcher.beat)
            except BaseException:
                process.kill()
                raise
        except WorkerFailed as failure:
            raise BackgroundFailed(str(failure)) from None
        patience_s = bench.plan.suite.protocol.deadlines.first_token_s
        return Serving(process, self._requests(scenario), scenario.streams, patience_s)

    def _requests(self, scenario: Scenario) -> Sequence[Request]:
        """Prompts as long as the scenario's own, each with words of its own."""
        book = self._bench.book
        return tuple(
            Request(
                id=f"background/{number}",
                prompt_ids=book.spare(scenario.name, number),
                max_tokens=scenario.output_tokens,
            )
            for number in range(POOL * scenario.streams)
        )
