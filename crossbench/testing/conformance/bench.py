"""The real worker with the backend under check in it, started when needed and again when lost."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from crossbench.api import BackendSpec, ModelRef, Needs, Request, Vocabulary
from crossbench.envs.environment import Environment
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.testing.conformance.inside import SEEN, Script, Seen
from crossbench.worker import group
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.group import inheritors
from crossbench.worker.protocol import (
    Command,
    Load,
    Measure,
    Measured,
    MemoryRead,
    ReadMemory,
    ReadVocabulary,
    Ready,
    Record,
    Reply,
    Score,
    Scored,
    Tokenize,
    Tokenized,
    VocabularyRead,
)
from crossbench.worker.supervisor import WorkerProcess

R = TypeVar("R", bound=Reply)
MARK = "CROSSBENCH_CONFORMANCE_MARK"
"""An environment variable by which a worker's processes are known, however far removed."""
DEADLINES = Deadlines(load_s=600, first_token_s=110, chunk_gap_s=60, close_s=30)


class Order(Struct, frozen=True, kw_only=True):
    """What is loaded."""

    spec: BackendSpec
    environment: Environment
    artifact: Path
    options: dict[str, Any]
    needs: Needs
    declares_score: bool
    folder: Path
    """Where workers run and logs lie."""

    def load(self, **script: Any) -> Load:
        """The command that loads it, with the kit in between."""
        told = Script(
            factory=self.spec.factory,
            options_type=self.spec.options,
            options=self.options,
            declares_score=self.declares_score,
            **script,
        )
        return Load(
            factory="crossbench.testing.conformance.inside:Between",
            options_type="crossbench.testing.conformance.inside:Script",
            options=msgspec.to_builtins(told),
            model=ModelRef(path=str(self.artifact), name=self.artifact.stem),
            needs=self.needs,
            distributions=self.spec.distributions,
        )

    def start(self, mark: str) -> WorkerProcess:
        """A worker without anything in it. Raises WorkerFailed."""
        return WorkerProcess(
            python=self.environment.python,
            environ={**environ(self.environment), MARK: mark},
            log=self.folder / "worker.log",
            deadlines=DEADLINES,
        )


class Bench:
    """One loaded session that many checks share. Every method raises WorkerFailed."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._mark = uuid.uuid4().hex
        self._process: WorkerProcess | None = None
        self._ready: Ready | None = None

    @property
    def ready(self) -> Ready:
        """What the session told when it was loaded; loads it."""
        if self._ready is None:
            self._process = self.order.start(self._mark)
            self._ready = self._said(self._process, self.order.load(), Ready)
        return self._ready

    @property
    def seen(self) -> Seen:
        """What the kit saw in the worker."""
        return seen(self.ready)

    def ask(self, command: Command, kind: type[R]) -> R:
        """Send a command to the session."""
        _ = self.ready
        assert self._process is not None
        return self._said(self._process, command, kind)

    def measure(self, requests: Sequence[Request], streams: int) -> tuple[Record, ...]:
        """Reset, then run these."""
        return self.ask(Measure(requests=tuple(requests), streams=streams), Measured).records

    def score(self, ids: Sequence[int], first: int, top_k: int) -> Scored:
        """How likely the model finds ids[first:]."""
        return self.ask(Score(ids=tuple(ids), first=first, top_k=top_k), Scored)

    def tokenize(self, *texts: str) -> tuple[tuple[int, ...], ...] | None:
        """Ids of each text; None where the session refuses."""
        return self.ask(Tokenize(texts=texts), Tokenized).ids

    def vocabulary(self) -> Vocabulary | None:
        """What the artifact says of its tokenizer; None where the session cannot tell."""
        return self.ask(ReadVocabulary(), VocabularyRead).vocabulary

    def memory(self) -> MemoryRead:
        """The engine's own split of its memory now."""
        return self.ask(ReadMemory(), MemoryRead)

    def end(self) -> None:
        """End the worker, if there is one."""
        process, self._process, self._ready = self._process, None, None
        if process is not None:
            process.end()
            kill(marked(self._mark))

    def _said(self, process: WorkerProcess, command: Command, kind: type[R]) -> R:
        try:
            return process.ask(command, kind)
        except WorkerFailed:
            self.end()  # what it was asked broke it; the next check gets a fresh one
            raise


def seen(ready: Ready) -> Seen:
    """What the kit saw while this was loaded."""
    return msgspec.convert(ready.loaded.settings[SEEN].value, Seen)


def marked(mark: str) -> dict[int, str]:
    """Living processes that inherited this mark, by id, with their command lines."""
    return inheritors(MARK, mark)


def kill(processes: Iterable[int]) -> None:
    """End these processes at once."""
    for pid in processes:
        group.kill(pid)
