"""One worker process of a launch: load the target, measure its cells, end.

Each sample goes into the journal as soon as nothing is in flight. A request that the engine refuses
costs its cell, unless others ran beside it: under load it is counted, and the cell is lost only
where every request of a pass failed. A lost worker costs the cell it was measuring, and says what
is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TypeAlias

from crossbench.analysis.goodput import met
from crossbench.background.activity import BackgroundFailed
from crossbench.journal.events import CellFailed, LevelLeftOut, PassTaken, SampleTaken
from crossbench.machine.reading import Reading
from crossbench.machine.strangers import Strangers
from crossbench.plan.energy import repeated
from crossbench.plan.model import Launch
from crossbench.prompts.digest import ids_sha256
from crossbench.run.alone import Phase, Shortest, fill
from crossbench.run.bench import Bench
from crossbench.run.beside import Beside
from crossbench.run.cooling import Rest, rest
from crossbench.run.history import MEASURED, History
from crossbench.run.launch import launched
from crossbench.run.levels import needless
from crossbench.run.loading import load
from crossbench.run.replicas import Workers
from crossbench.run.turnabout import in_turn, together
from crossbench.run.turns import Batch, Turns
from crossbench.suite.model import Scenario
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import FailureKind, Measure, Record
from crossbench.worker.pulse import Beat

Batches: TypeAlias = Callable[[Scenario], Iterator[Batch]]
"""What is asked of a cell, in order."""


class _Refused(Exception):
    """A cell is over and the session lives: the launch goes on."""


class Attempt:
    """One worker process of a launch."""

    def __init__(self, bench: Bench, launch: Launch, name: str, history: History) -> None:
        """`history` tells what earlier workers finished, and is told what this one does."""
        self._bench = bench
        self._launch = launch
        self._name = name
        self._history = history
        self._suite = bench.plan.suite
        self._turns = Turns(bench.book, self._suite, launch)
        self._done = history.done(launch)
        self._strangers: Strangers | None = None
        self._shortest = Shortest()
        self._now = ""
        """The scenario that is being measured."""

    def measure(self, scenarios: Sequence[str]) -> Sequence[str]:
        """Measure these scenarios; those left to do when the worker was lost on the way."""
        launch, left, loaded = self._launch, self._worthwhile(scenarios), False
        if not left:
            return left
        sentinel = self._bench.plan.sentinel(launch)
        watched = sentinel in left
        try:
            with (
                launched(self._bench, launch, self._name, self._rest()) as workers,
                closing(Beside(self._bench, self._name, workers)) as self._beside,
            ):
                needs = self._bench.needs(launch.target)
                load(self._bench, workers, self._name, launch.target, needs)
                loaded = True
                self._strangers = self._watch(workers)
                while left:
                    cells = together([self._bench.plan.scenario(name) for name in left])
                    self._measured(workers, cells, self._turns.cell)
                    done = [scenario.name for scenario in cells]
                    left = self._worthwhile([name for name in left if name not in done])
                if sentinel is not None and watched and not self._has_failed(sentinel):
                    left = [sentinel]
                    cells = [self._bench.plan.scenario(sentinel)]
                    self._measured(workers, cells, self._turns.sentinel)
                    left = []
                self._repeat_alone(workers)
        except WorkerFailed as failure:
            cost = [name for name in left if name == self._now] if loaded else left
            undone = self._history.left(self._bench.plan, launch)
            left = [name for name in left if name in undone and name not in cost]
            self._fail(cost, failure.kind, failure.phase.name.lower(), str(failure))
        return left

    def _worthwhile(self, scenarios: Sequence[str]) -> list[str]:
        """Those that are to be measured, the others left out."""
        kept = []
        for name in scenarios:
            reason = needless(self._bench.plan, self._launch, self._history, name)
            if reason is None:
                kept.append(name)
            else:
                self._write(
                    LevelLeftOut(
                        launch=self._launch.id,
                        target=self._launch.target,
                        block=self._launch.block,
                        scenario=name,
                        reason=reason,
                    )
                )
        return kept

    def _rest(self) -> Rest | None:
        """The rest before a launch that counts; one that burns in is to warm the machine."""
        if self._launch.purpose != "timed":
            return None
        return rest(self._suite.protocol, self._bench.watcher.resting)

    def _watch(self, workers: Workers) -> Strangers | None:
        machine = self._bench.plan.machine
        if not machine.cuda_devices:
            return None
        return Strangers(lambda: [*workers.members(), *self._beside.members()], wsl=machine.wsl)

    def _beat(self, beat: Beat) -> None:
        if self._strangers is not None:
            self._strangers.glance()
        self._bench.watcher.beat(beat)

    def _measured(self, workers: Workers, cells: Sequence[Scenario], given: Batches) -> None:
        """One pass after the other, of several cells in turn. Raises WorkerFailed."""
        batches = [(scenario, self._undone(scenario, given)) for scenario in cells]
        batches = [(scenario, left) for scenario, left in batches if left]
        for scenario, _ in batches:
            with self._costing(scenario):
                self._beside.prepare(scenario)
        for scenario, whole in in_turn(batches, block=self._launch.block):
            if not self._has_failed(scenario.name):
                with self._costing(scenario):
                    self._pass(workers, scenario, whole)
        self._beside.close()

    def _pass(self, workers: Workers, scenario: Scenario, whole: Sequence[Batch]) -> None:
        """Ask for one batch after the other, a background at work from the first to the last.

        Raises what `_batch` does.
        """
        refusal: _Refused | None = None
        with self._beside.working(scenario, whole[0]):
            try:
                for batch in whole:
                    self._bench.watcher.measuring(scenario.name, batch.role, batch.repeat)
                    self._batch(workers, scenario, batch)
            except _Refused as each:
                refusal = each  # the session lives, and what works beside it is to rest
        if refusal is not None:
            raise refusal

    def _repeat_alone(self, workers: Workers) -> None:
        """Make short phases again for their energy, where it is told. Raises WorkerFailed."""
        if not self._bench.recorder.energy:
            return
        for scenario in repeated(self._bench.plan, self._launch):
            if scenario.background is not None:
                continue  # what works beside it takes energy, too
            for phase in self._shortest.phases(scenario.name):
                with suppress(_Refused):
                    fill(partial(self._alone, workers, scenario, phase))

    def _alone(
        self, workers: Workers, scenario: Scenario, phase: Phase, numbers: range
    ) -> Sequence[SampleTaken]:
        self._bench.watcher.measuring(scenario.name, phase, numbers.start)
        return self._batch(workers, scenario, Batch(role=phase, repeat=0, numbers=numbers))

    def _undone(self, scenario: Scenario, given: Batches) -> Sequence[Batch]:
        """What is left of a cell; nothing where that would be warm-ups alone."""
        batches = [batch for batch in given(scenario) if not self._is_done(scenario, batch)]
        return [] if all(batch.role == "warmup" for batch in batches) else batches

    @contextmanager
    def _costing(self, scenario: Scenario) -> Iterator[None]:
        """What fails inside costs this cell, and only a lost worker the launch."""
        self._now = scenario.name
        try:
            yield
        except _Refused as refusal:
            self._fail([scenario.name], "error", "request", str(refusal))
        except BackgroundFailed as failure:
            self._fail([scenario.name], "error", "background", str(failure))

    def _is_done(self, scenario: Scenario, batch: Batch) -> bool:
        if batch.role not in MEASURED:
            return False
        if scenario.load is not None:
            return batch.repeat in self._history.passes(self._launch, scenario.name)
        return all((scenario.name, batch.repeat, number) in self._done for number in batch.numbers)

    def _batch(self, workers: Workers, scenario: Scenario, batch: Batch) -> Sequence[SampleTaken]:
        """Ask for it and write down what came. Raises WorkerFailed, _Refused, BackgroundFailed."""
        asked = self._turns.measure(scenario, batch)
        try:
            measured = workers.ask(asked, self._beat)
        except WorkerFailed as failure:
            self._keep(workers, scenario, batch, asked, failure.records)
            raise
        self._beside.attest(scenario)
        samples = self._keep(workers, scenario, batch, asked, measured.records)
        if scenario.load is not None:
            slo = scenario.load.slo
            self._write(
                PassTaken(
                    launch=self._name,
                    scenario=scenario.name,
                    role=batch.role,
                    repeat=batch.repeat,
                    requests=len(samples),
                    met=met(samples, slo) if slo else None,
                    strain=measured.strain,
                    late_ns=measured.late_ns,
                )
            )
        failures = [each.record.failure for each in samples if each.record.failure is not None]
        if len(failures) == len(samples):
            raise _Refused(failures[0].message)
        return samples

    def _keep(
        self,
        workers: Workers,
        scenario: Scenario,
        batch: Batch,
        asked: Measure,
        records: Iterable[Record],
    ) -> list[SampleTaken]:
        """Write the samples down."""
        numbers = dict(zip((each.id for each in asked.requests), batch.numbers, strict=True))
        requests = {each.id: each for each in asked.requests}
        replicas = workers.replica_of(asked)
        strangers = self._strangers.arrived() if self._strangers else Reading(0)
        samples = [
            SampleTaken(
                launch=self._name,
                scenario=scenario.name,
                role=batch.role,
                repeat=batch.repeat,
                prompt=numbers[record.id],
                prompt_tokens=len(requests[record.id].prompt_ids),
                prompt_sha256=ids_sha256(requests[record.id].prompt_ids),
                asked_tokens=requests[record.id].max_tokens,
                natural=bool(requests[record.id].stop_ids),
                strangers=strangers.value or 0,
                strangers_untold=strangers.reason,
                replica=replicas[record.id],
                record=record,
            )
            for record in records
        ]
        for sample in samples:
            self._write(sample)
            self._shortest.take(sample)
            self._bench.watcher.sampled(sample)
        return samples

    def _has_failed(self, scenario: str) -> bool:
        return (self._launch.target, scenario) in self._history.failed

    def _fail(self, scenarios: Sequence[str], kind: FailureKind, phase: str, message: str) -> None:
        for name in scenarios:
            self._write(
                CellFailed(
                    launch=self._name, scenario=name, kind=kind, phase=phase, message=message
                )
            )
        self._bench.watcher.failed(scenarios, kind, message)

    def _write(self, event: SampleTaken | PassTaken | LevelLeftOut | CellFailed) -> None:
        self._bench.write(event)
        self._history.take(event)
