"""One worker process of a target, from its start to its end, each step written down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from crossbench.api import BackendSpec, Capability, DeviceMemory, ModelRef, Needs
from crossbench.envs.environment import Environment
from crossbench.journal import (
    LOGS,
    Journal,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    Purpose,
    Role,
    SampleTaken,
    now,
)
from crossbench.machine.drain import Drain
from crossbench.plan.model import Plan
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
    bench: Bench, *, name: str, planned: str, target: str, block: int, purpose: Purpose
) -> Iterator[WorkerProcess]:
    """A started worker, ended in stages whatever happens.

    Raises WorkerFailed when it cannot be started; one that is raised inside ends the worker, too.
    """
    journal, environment = bench.journal, bench.environments[target]
    journal.append(
        LaunchStarted(
            launch=name,
            planned=planned,
            target=target,
            block=block,
            purpose=purpose,
            utc=now(),
            monotonic_ns=time.perf_counter_ns(),
        )
    )
    worker = WorkerProcess(
        python=environment.python,
        environ=environ(environment),
        log=journal.folder / LOGS / f"{name}.log",
        deadlines=bench.plan.suite.protocol.deadlines,
    )
    try:
        yield worker
    except WorkerFailed:
        _ended(bench, name, worker.end, _memory(worker))
        raise
    except BaseException:  # an interrupt too must leave no worker behind
        _ended(bench, name, worker.kill, {})
        raise
    _ended(bench, name, worker.end, _memory(worker))


def _ended(
    bench: Bench, name: str, end: Callable[[], Ending], memory: Mapping[str, DeviceMemory]
) -> None:
    ending = end()
    bench.journal.append(
        LaunchEnded(
            launch=name,
            stage=ending.stage,
            exit_code=ending.exit_code,
            memory=memory,
            undrained=bench.drain.wait(),
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
    bench.journal.append(
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
