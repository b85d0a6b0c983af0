"""One worker process of a launch: load the target, measure its cells, end.

Each sample goes into the journal as soon as nothing is in flight. A request that the engine refuses
costs its cell; a lost worker costs the cell it was measuring, and says what is left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from crossbench.api import Request, Sampling
from crossbench.history import Done
from crossbench.journal import CellFailed, Role, SampleTaken
from crossbench.launch import Bench, launched, load
from crossbench.plan.model import Launch
from crossbench.prompts.digest import ids_sha256
from crossbench.suite.model import Scenario
from crossbench.worker.protocol import FailureKind, Measure, Measured, Record
from crossbench.worker.supervisor import WorkerFailed, WorkerProcess


class _Refused(Exception):
    """A request failed and the session lives: the cell is over, the launch goes on."""


class Turn(Struct, frozen=True, kw_only=True):
    """One request of a cell."""

    role: Role
    repeat: int
    prompt: int
    ids: tuple[int, ...]
    forced: tuple[int, ...]


class Attempt:
    """One worker process of a launch."""

    def __init__(self, bench: Bench, launch: Launch, name: str, done: frozenset[Done]) -> None:
        """`done` are the timed requests of the launch that an earlier worker finished."""
        self._bench = bench
        self._launch = launch
        self._name = name
        self._done = done
        self._book = bench.book
        self._suite = bench.plan.suite
        self.failed: list[str] = []
        """Scenarios that could not be measured."""

    def measure(self, scenarios: Sequence[str]) -> Sequence[str]:
        """Measure these scenarios; those left to do when the worker was lost on the way."""
        launch, left, loaded = self._launch, list(scenarios), False
        try:
            with launched(
                self._bench,
                name=self._name,
                planned=launch.id,
                target=launch.target,
                block=launch.block,
                purpose="timed",
            ) as worker:
                needs = self._bench.needs(launch.target)
                load(self._bench, worker, self._name, launch.target, needs)
                loaded = True
                while left:
                    self._measured(worker, left[0])
                    left.pop(0)
        except WorkerFailed as failure:
            cost = left[:1] if loaded else left
            left = left[len(cost) :]
            self._fail(cost, failure.kind, failure.phase.name.lower(), str(failure))
        return left

    def _measured(self, worker: WorkerProcess, name: str) -> None:
        try:
            self._cell(worker, name)
        except _Refused as refusal:
            self._fail([name], "error", "request", str(refusal))

    def _cell(self, worker: WorkerProcess, name: str) -> None:
        """Warm-ups, then repeats, one request at a time. Raises WorkerFailed or _Refused."""
        scenario = next(item for item in self._suite.scenarios if item.name == name)
        turns = [turn for turn in self._turns(scenario) if not self._is_done(name, turn)]
        if all(turn.role == "warmup" for turn in turns):
            return
        for turn in turns:
            self._bench.watcher.measuring(name, turn.role, turn.repeat)
            request = self._request(scenario, turn)
            try:
                measured = worker.ask(
                    Measure(requests=(request,)), Measured, self._bench.watcher.beat
                )
            except WorkerFailed as failure:
                for record in failure.records:
                    self._keep(scenario, turn, record)
                raise
            self._keep(scenario, turn, measured.records[0])

    def _is_done(self, scenario: str, turn: Turn) -> bool:
        return turn.role == "timed" and (scenario, turn.repeat, turn.prompt) in self._done

    def _turns(self, scenario: Scenario) -> Iterator[Turn]:
        protocol, name, block = self._suite.protocol, scenario.name, self._launch.block
        prompts = range(len(scenario.prompts))
        for repeat in range(protocol.warmups):
            for prompt in prompts:
                ids = self._book.warmup(name, prompt, block, repeat)
                forced = self._forced(scenario, prompt, repeat - protocol.warmups)
                yield Turn(role="warmup", repeat=repeat, prompt=prompt, ids=ids, forced=forced)
        for repeat in range(protocol.repeats):
            for prompt in prompts:
                ids = self._book.salted(name, prompt, block, repeat)
                forced = self._forced(scenario, prompt, repeat)
                yield Turn(role="timed", repeat=repeat, prompt=prompt, ids=ids, forced=forced)

    def _forced(self, scenario: Scenario, prompt: int, pass_: int) -> tuple[int, ...]:
        """The output of a request, where it is given; warm-ups count from below zero."""
        if not scenario.forced:
            return ()
        place = (scenario.name, prompt, self._launch.block, pass_)
        return self._book.forced(*place, scenario.output_tokens)

    def _request(self, scenario: Scenario, turn: Turn) -> Request:
        chosen = scenario.sampling
        return Request(
            id=f"{scenario.name}/{turn.role}/{turn.repeat}/{turn.prompt}",
            prompt_ids=turn.ids,
            max_tokens=scenario.output_tokens,
            forced_ids=turn.forced,
            stop_ids=tuple(sorted(self._book.tokenizer.eos_ids)) if scenario.natural else (),
            sampling=Sampling(
                temperature=chosen.temperature,
                top_k=chosen.top_k,
                top_p=chosen.top_p,
                seed=chosen.seed,
            ),
        )

    def _keep(self, scenario: Scenario, turn: Turn, record: Record) -> None:
        """Write the sample down. Raises _Refused when it failed."""
        sample = SampleTaken(
            launch=self._name,
            scenario=scenario.name,
            role=turn.role,
            repeat=turn.repeat,
            prompt=turn.prompt,
            prompt_tokens=len(turn.ids),
            prompt_sha256=ids_sha256(turn.ids),
            asked_tokens=scenario.output_tokens,
            natural=scenario.natural,
            record=record,
        )
        self._bench.journal.append(sample)
        self._bench.watcher.sampled(sample)
        if record.failure is not None:
            raise _Refused(record.failure.message)

    def _fail(self, scenarios: Sequence[str], kind: FailureKind, phase: str, message: str) -> None:
        for name in scenarios:
            self.failed.append(name)
            self._bench.journal.append(
                CellFailed(
                    launch=self._name, scenario=name, kind=kind, phase=phase, message=message
                )
            )
        self._bench.watcher.failed(scenarios, kind, message)
