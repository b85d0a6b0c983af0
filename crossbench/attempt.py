"""One worker process of a launch: load the target, measure its cells, end.

Each sample goes into the journal as soon as nothing is in flight. A request that the engine refuses
costs its cell; a lost worker costs the cell it was measuring, and says what is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from crossbench.api import Request, Sampling
from crossbench.cooling import Rest, rest
from crossbench.history import MEASURED, Done
from crossbench.journal import CellFailed, Role, SampleTaken
from crossbench.launch import Bench, launched, load
from crossbench.machine.strangers import Strangers
from crossbench.plan.model import BURN_IN, Launch
from crossbench.prompts.digest import ids_sha256
from crossbench.suite.model import Scenario
from crossbench.worker.group import members
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


Turns: TypeAlias = Callable[[Scenario], Iterator[Turn]]
"""The requests of a cell, in order."""


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
        launches = self._suite.protocol.launches
        self._salted = launches if launch.block == BURN_IN else launch.block
        """The launch by which prompts are salted: one that burns in comes behind all that count."""
        self._strangers: Strangers | None = None
        self.failed: list[str] = []
        """Scenarios that could not be measured."""

    def measure(self, scenarios: Sequence[str]) -> Sequence[str]:
        """Measure these scenarios; those left to do when the worker was lost on the way."""
        launch, left, loaded = self._launch, list(scenarios), False
        sentinel = self._bench.plan.sentinel(launch)
        watched = sentinel in left
        try:
            with launched(self._bench, launch, self._name, self._rest()) as worker:
                needs = self._bench.needs(launch.target)
                load(self._bench, worker, self._name, launch.target, needs)
                loaded = True
                self._strangers = self._watch(worker)
                while left:
                    self._measured(worker, left[0], self._turns)
                    left.pop(0)
                if sentinel is not None and watched and sentinel not in self.failed:
                    left = [sentinel]
                    self._measured(worker, sentinel, self._sentinel)
                    left = []
        except WorkerFailed as failure:
            cost = left[:1] if loaded else left
            left = left[len(cost) :]
            self._fail(cost, failure.kind, failure.phase.name.lower(), str(failure))
        return left

    def _rest(self) -> Rest | None:
        """The rest before a launch that counts; one that burns in is to warm the machine."""
        if self._launch.purpose != "timed":
            return None
        return rest(self._suite.protocol, self._bench.watcher.resting)

    def _watch(self, worker: WorkerProcess) -> Strangers | None:
        devices = self._bench.plan.machine.cuda_devices
        return Strangers(lambda: members(worker.pid)) if devices else None

    def _measured(self, worker: WorkerProcess, name: str, turns: Turns) -> None:
        try:
            self._cell(worker, name, turns)
        except _Refused as refusal:
            self._fail([name], "error", "request", str(refusal))

    def _cell(self, worker: WorkerProcess, name: str, given: Turns) -> None:
        """One request after the other. Raises WorkerFailed or _Refused."""
        scenario = next(item for item in self._suite.scenarios if item.name == name)
        turns = [turn for turn in given(scenario) if not self._is_done(name, turn)]
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
        return turn.role in MEASURED and (scenario, turn.repeat, turn.prompt) in self._done

    def _turns(self, scenario: Scenario) -> Iterator[Turn]:
        """Warm-ups, then repeats."""
        protocol = self._suite.protocol
        for repeat in range(protocol.warmups):
            for prompt in range(len(scenario.prompts)):
                ids = self._book.warmup(scenario.name, prompt, self._salted, repeat)
                forced = self._forced(scenario, prompt, repeat - protocol.warmups)
                yield Turn(role="warmup", repeat=repeat, prompt=prompt, ids=ids, forced=forced)
        role: Role = "burn_in" if self._launch.purpose == "burn_in" else "timed"
        yield from self._repeats(scenario, role, range(protocol.repeats))

    def _sentinel(self, scenario: Scenario) -> Iterator[Turn]:
        """The repeats once more, with prompts of their own: their numbers count on."""
        repeats = self._suite.protocol.repeats
        return self._repeats(scenario, "sentinel", range(repeats, 2 * repeats))

    def _repeats(self, scenario: Scenario, role: Role, repeats: range) -> Iterator[Turn]:
        for repeat in repeats:
            for prompt in range(len(scenario.prompts)):
                ids = self._book.salted(scenario.name, prompt, self._salted, repeat)
                forced = self._forced(scenario, prompt, repeat)
                yield Turn(role=role, repeat=repeat, prompt=prompt, ids=ids, forced=forced)

    def _forced(self, scenario: Scenario, prompt: int, pass_: int) -> tuple[int, ...]:
        """The output of a request, where it is given; warm-ups count from below zero."""
        if not scenario.forced:
            return ()
        place = (scenario.name, prompt, self._salted, pass_)
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
            strangers=self._strangers.arrived() if self._strangers else 0,
            record=record,
        )
        self._bench.write(sample)
        self._bench.watcher.sampled(sample)
        if record.failure is not None:
            raise _Refused(record.failure.message)

    def _fail(self, scenarios: Sequence[str], kind: FailureKind, phase: str, message: str) -> None:
        for name in scenarios:
            self.failed.append(name)
            self._bench.write(
                CellFailed(
                    launch=self._name, scenario=name, kind=kind, phase=phase, message=message
                )
            )
        self._bench.watcher.failed(scenarios, kind, message)
