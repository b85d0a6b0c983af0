"""One worker process of a launch: load the target, measure its cells, end.

Each sample goes into the journal as soon as nothing is in flight. A request that the engine refuses
costs its cell; a lost worker costs the cell it was measuring, and says what is left to do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from crossbench.api import DeviceMemory, ModelRef, Needs, Request, Sampling
from crossbench.envs.environment import Environment
from crossbench.history import Done
from crossbench.journal import (
    LOGS,
    CellFailed,
    Journal,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    Role,
    SampleTaken,
    now,
)
from crossbench.machine.drain import Drain
from crossbench.plan.model import Launch, Plan
from crossbench.prompts.book import PromptBook
from crossbench.prompts.digest import ids_sha256
from crossbench.prompts.probes import PROBES
from crossbench.registry import Registry
from crossbench.suite.model import Scenario
from crossbench.worker.protocol import (
    FailureKind,
    Load,
    Measure,
    Measured,
    MemoryRead,
    ReadMemory,
    Ready,
    Record,
    Tokenize,
    Tokenized,
)
from crossbench.worker.pulse import Beat
from crossbench.worker.supervisor import Ending, WorkerFailed, WorkerProcess


class Watcher(Protocol):
    """Who is told how the run goes; the command line draws it."""

    def launching(self, launch: str, target: str, place: str) -> None:
        """A worker starts; `place` is its number among all, such as "2/8"."""
        ...

    def measuring(self, scenario: str, role: Role, repeat: int) -> None:
        """A request of this scenario begins."""
        ...

    def beat(self, beat: Beat) -> None:
        """About ten times a second while a worker works."""
        ...

    def sampled(self, sample: SampleTaken) -> None:
        """A request has finished and is on disk."""
        ...

    def failed(self, scenarios: Sequence[str], kind: FailureKind, message: str) -> None:
        """These scenarios could not be measured, all for one reason."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that a run stands on."""

    plan: Plan
    book: PromptBook
    registry: Registry
    environments: Mapping[str, Environment]
    """Target -> its environment."""
    journal: Journal
    watcher: Watcher
    drain: Drain


class _Refused(Exception):
    """A request failed and the session lives: the cell is over, the launch goes on."""


class Turn(Struct, frozen=True, kw_only=True):
    """One request of a cell."""

    role: Role
    repeat: int
    prompt: int
    ids: tuple[int, ...]


class Attempt:
    """One worker process of a launch."""

    def __init__(self, bench: Bench, launch: Launch, name: str, done: frozenset[Done]) -> None:
        """`done` are the timed requests of the launch that an earlier worker finished."""
        self._launch = launch
        self._name = name
        self._done = done
        self._journal = bench.journal
        self._watcher = bench.watcher
        self._drain = bench.drain
        self._book = bench.book
        self._suite = bench.plan.suite
        self._target = next(t for t in self._suite.targets if t.name == launch.target)
        self._spec = bench.registry.backend(self._target.backend).spec
        self._environment = bench.environments[launch.target]
        self.failed: list[str] = []
        """Scenarios that could not be measured."""

    def measure(self, scenarios: Sequence[str]) -> Sequence[str]:
        """Measure these scenarios; those left to do when the worker was lost on the way."""
        self._journal.append(
            LaunchStarted(
                launch=self._name,
                planned=self._launch.id,
                target=self._launch.target,
                block=self._launch.block,
                utc=now(),
                monotonic_ns=time.perf_counter_ns(),
            )
        )
        try:
            worker = WorkerProcess(
                python=self._environment.python,
                environ=environ(self._environment),
                log=self._journal.folder / LOGS / f"{self._name}.log",
                deadlines=self._suite.protocol.deadlines,
            )
        except WorkerFailed as failure:
            self._give_up(scenarios, failure)
            return ()
        return self._with(worker, scenarios)

    def _with(self, worker: WorkerProcess, scenarios: Sequence[str]) -> Sequence[str]:
        try:
            left = self._load_and_measure(worker, scenarios)
            self._ended(worker.end, _memory(worker))
        except BaseException:  # an interrupt too must leave no worker behind
            self._ended(worker.kill, {})
            raise
        return left

    def _ended(self, end: Callable[[], Ending], memory: Mapping[str, DeviceMemory]) -> None:
        ending = end()
        self._journal.append(
            LaunchEnded(
                launch=self._name,
                stage=ending.stage,
                exit_code=ending.exit_code,
                memory=memory,
                undrained=self._drain.wait(),
            )
        )

    def _load_and_measure(self, worker: WorkerProcess, scenarios: Sequence[str]) -> Sequence[str]:
        try:
            self._journal.append(self._load(worker))
        except WorkerFailed as failure:
            self._give_up(scenarios, failure)
            return ()
        for index, name in enumerate(scenarios):
            try:
                self._cell(worker, name)
            except _Refused as refusal:
                self._fail([name], "error", "request", str(refusal))
            except WorkerFailed as failure:
                self._give_up([name], failure)
                return scenarios[index + 1 :]
        return ()

    def _load(self, worker: WorkerProcess) -> LaunchReady:
        ready = worker.ask(
            Load(
                factory=self._spec.factory,
                options_type=self._spec.options,
                options=dict(self._target.options),
                model=ModelRef(path=self._target.artifact, name=self._suite.model.name),
                needs=Needs(context_tokens=self._book.context_tokens),
                distributions=self._spec.distributions,
            ),
            Ready,
            self._watcher.beat,
        )
        return LaunchReady(
            launch=self._name,
            loaded=ready.loaded,
            memory=ready.memory,
            instrument=ready.instrument,
            versions=ready.versions,
            python=ready.python,
            start_ns=ready.main_ns - worker.spawned_ns,
            import_ns=ready.imported_ns - ready.main_ns,
            load_ns=ready.ready_ns - ready.imported_ns,
            tokenizer_agrees=self._tokenizer_agrees(worker),
        )

    def _tokenizer_agrees(self, worker: WorkerProcess) -> bool | None:
        told = worker.ask(Tokenize(texts=PROBES), Tokenized, self._watcher.beat)
        if told.ids is None:
            return None
        return told.ids == tuple(self._book.tokenizer.encode_verbatim(text) for text in PROBES)

    def _cell(self, worker: WorkerProcess, name: str) -> None:
        """Warm-ups, then repeats, one request at a time. Raises WorkerFailed or _Refused."""
        scenario = next(item for item in self._suite.scenarios if item.name == name)
        turns = [turn for turn in self._turns(scenario) if not self._is_done(name, turn)]
        if all(turn.role == "warmup" for turn in turns):
            return
        for turn in turns:
            self._watcher.measuring(name, turn.role, turn.repeat)
            request = self._request(scenario, turn)
            try:
                measured = worker.ask(Measure(requests=(request,)), Measured, self._watcher.beat)
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
                yield Turn(role="warmup", repeat=repeat, prompt=prompt, ids=ids)
        for repeat in range(protocol.repeats):
            for prompt in prompts:
                ids = self._book.salted(name, prompt, block, repeat)
                yield Turn(role="timed", repeat=repeat, prompt=prompt, ids=ids)

    def _request(self, scenario: Scenario, turn: Turn) -> Request:
        chosen = scenario.sampling
        return Request(
            id=f"{scenario.name}/{turn.role}/{turn.repeat}/{turn.prompt}",
            prompt_ids=turn.ids,
            max_tokens=scenario.output_tokens,
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
        self._journal.append(sample)
        self._watcher.sampled(sample)
        if record.failure is not None:
            raise _Refused(record.failure.message)

    def _give_up(self, scenarios: Sequence[str], failure: WorkerFailed) -> None:
        self._fail(scenarios, failure.kind, failure.phase.name.lower(), str(failure))

    def _fail(self, scenarios: Sequence[str], kind: FailureKind, phase: str, message: str) -> None:
        for name in scenarios:
            self.failed.append(name)
            self._journal.append(
                CellFailed(
                    launch=self._name, scenario=name, kind=kind, phase=phase, message=message
                )
            )
        self._watcher.failed(scenarios, kind, message)


def _memory(worker: WorkerProcess) -> Mapping[str, DeviceMemory]:
    """The engine's memory after its last sample, if it can still be asked."""
    try:
        return worker.ask(ReadMemory(), MemoryRead).memory
    except WorkerFailed:
        return {}


def environ(environment: Environment) -> Mapping[str, str]:
    """The worker's environment variables: the user's, without what redirects Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(environment.pythonpath),
        "PYTHONNOUSERSITE": "1",
        "DO_NOT_TRACK": "1",
    }
