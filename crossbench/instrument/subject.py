"""A real worker process on the null engine: what the trials are made with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossbench.api import ModelRef, Needs
from crossbench.envs.environment import resolve
from crossbench.envs.progress import Progress
from crossbench.errors import InstrumentFailure
from crossbench.instrument.model import Script, Trial
from crossbench.instrument.scripts import measure, options
from crossbench.instrument.trial import judged
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Load, Measured, Ready
from crossbench.worker.supervisor import WorkerProcess

DEADLINES = Deadlines(load_s=60, first_token_s=60, chunk_gap_s=60, close_s=10)
FACTORY = "crossbench.testing.null:NullEngine"
OPTIONS = "crossbench.testing.null:NullOptions"


class Subject:
    """One worker, which loads the null engine anew for each script."""

    def __init__(self, process: WorkerProcess, folder: Path) -> None:
        self.process = process
        self._folder = folder

    def trial(self, script: Script) -> Trial:
        """Load, measure, judge. Raises InstrumentFailure."""
        load = Load(
            factory=FACTORY,
            options_type=OPTIONS,
            options=options(script),
            model=ModelRef(path=str(self._folder), name="none"),
            needs=Needs(context_tokens=3 + script.tokens, streams=script.streams),
            distributions=(),
        )
        try:
            self.process.ask(load, Ready)
            return judged(script, self.process.ask(measure(script), Measured))
        except WorkerFailed as failure:
            raise InstrumentFailure(f"the worker was lost: {failure}") from failure


@contextmanager
def subject(registry: Registry, progress: Progress) -> Iterator[Subject]:
    """A worker on the null engine, ended whatever happens, in the interpreter of the host: those of
    engines may be other versions of Python, a little faster or slower.

    Raises InstrumentFailure, and EnvironmentFailure where not even that one can be used.
    """
    environment = resolve(
        registry.backend("null").spec,
        variant=None,
        python=None,
        progress=progress,
        build=False,
        deadline_s=DEADLINES.load_s,
    )
    with tempfile.TemporaryDirectory(prefix="crossbench-instrument-") as name:
        folder = Path(name)
        try:
            process = WorkerProcess(
                python=environment.python,
                environ=environ(environment),
                log=folder / "worker.log",
                deadlines=DEADLINES,
            )
        except WorkerFailed as failure:
            raise InstrumentFailure(str(failure)) from failure
        try:
            yield Subject(process, folder)
        finally:
            process.end()
