"""One worker process of a target, from its start to its end, each step written down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from crossbench.api import BackendSpec, Capability, DeviceMemory, ModelRef, Needs
from crossbench.cooling import Rest
from crossbench.envs.environment import Environment
from crossbench.forecast import Forecast
from crossbench.journal import (
    LOGS,
    Event,
    Journal,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    Role,
    SampleTaken,
    now,
)
from crossbench.machine.drain import Drain
from crossbench.machine.recorder import Recording, Unrecorded
from crossbench.plan.model import Launch, Plan
from crossbench.plan.time import Span
from crossbench.prompts.book import PromptBook
from crossbench.prompts.identity import ForeignTokenizer, Identity, identity, probe_texts
from crossbench.registry import Registry
from crossbench.suite.model import Target
from crossbench.worker.protocol import (
    FailureKind,
    Load,
    MemoryRead,
    ReadMemory,
    ReadVocabulary,
    Ready,
    Tokenize,
    Tokenized,
    VocabularyRead,
)
from crossbench.worker.pulse import Beat, Phase
from crossbench.worker.supervisor import Ending, WorkerFailed, WorkerProcess


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
        return Needs(context_tokens=self.book.context_tokens, forced_ids=able and self.book.forces)


@contextmanager
def launched(
    bench: Bench, launch: Launch, name: str, rested: Rest | None = None
) -> Iterator[WorkerProcess]:
    """A started worker of that name for a launch of the plan, ended in stages whatever happens.

    Raises WorkerFailed when it cannot be started; one that is raised inside ends the worker, too.
    """
    bench.recorder.settle(lambda seconds: bench.watcher.resting(seconds, None))
    environment, rested, began = bench.environments[launch.target], rested or Rest(), _seconds()
    bench.write(
        LaunchStarted(
            launch=name,
            planned=launch.id,
            target=launch.target,
            block=launch.block,
            purpose=launch.purpose,
            rested_s=rested.seconds,
            celsius=rested.celsius,
            utc=now(),
            monotonic_ns=time.perf_counter_ns(),
        )
    )
    worker = WorkerProcess(
        python=environment.python,
        environ=environ(environment),
        log=bench.journal.folder / LOGS / f"{name}.log",
        deadlines=bench.plan.suite.protocol.deadlines,
    )
    bench.recorder.watch(worker.pid, name)
    try:
        yield worker
    except WorkerFailed:
        _ended(bench, name, began, worker.end, _memory(worker))
        raise
    except BaseException:  # an interrupt too must leave no worker behind
        _ended(bench, name, began, worker.kill, {})
        raise
    _ended(bench, name, began, worker.end, _memory(worker))


def _seconds() -> float:
    return time.perf_counter_ns() / 1e9


def _ended(
    bench: Bench,
    name: str,
    began: float,
    end: Callable[[], Ending],
    memory: Mapping[str, DeviceMemory],
) -> None:
    ending = end()
    bench.recorder.rest()
    undrained = bench.drain.wait()
    bench.write(
        LaunchEnded(
            launch=name,
            stage=ending.stage,
            exit_code=ending.exit_code,
            memory=memory,
            undrained=undrained,
            seconds=_seconds() - began,
        )
    )


def _memory(worker: WorkerProcess) -> Mapping[str, DeviceMemory]:
    """The engine's memory after its last sample, if it can still be asked."""
    try:
        return worker.ask(ReadMemory(), MemoryRead).memory
    except WorkerFailed:
        return {}


def load(bench: Bench, worker: WorkerProcess, name: str, target: str, needs: Needs) -> None:
    """Load the target's model and check its tokenizer. Raises WorkerFailed."""
    asked, spec = bench.target(target), bench.spec(target)
    ready = worker.ask(
        Load(
            factory=spec.factory,
            options_type=spec.options,
            options=dict(asked.options),
            model=ModelRef(path=bench.artifacts[target], name=bench.plan.suite.model.name),
            needs=needs,
            distributions=spec.distributions,
        ),
        Ready,
        bench.watcher.beat,
    )
    bench.recorder.look()
    bench.write(
        LaunchReady(
            launch=name,
            loaded=ready.loaded,
            memory=ready.memory,
            instrument=ready.instrument,
            versions=ready.versions,
            python=ready.python,
            start_ns=ready.main_ns - worker.spawned_ns,
            import_ns=ready.imported_ns - ready.main_ns,
            load_ns=ready.ready_ns - ready.imported_ns,
            tokenizer=_identity(bench, worker),
        )
    )


def _identity(bench: Bench, worker: WorkerProcess) -> Identity:
    """Whether the artifact's tokenizer is the suite's. Raises WorkerFailed where it is not."""
    vocabulary = worker.ask(ReadVocabulary(), VocabularyRead, bench.watcher.beat).vocabulary
    tokenizer = bench.book.tokenizer
    texts = Tokenize(texts=probe_texts(tokenizer))
    probes = worker.ask(texts, Tokenized, bench.watcher.beat).ids
    try:
        return identity(tokenizer, vocabulary, probes, bench.book.used_ids)
    except ForeignTokenizer as error:
        raise WorkerFailed("error", Phase.LOADING, str(error)) from None


def environ(environment: Environment) -> Mapping[str, str]:
    """The worker's environment variables: the user's, without what redirects Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(environment.pythonpath),
        "PYTHONNOUSERSITE": "1",
        "DO_NOT_TRACK": "1",
    }
