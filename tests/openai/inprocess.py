"""The same engine without a server, in a worker of its own plugin, for a server to be held to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from crossbench.analysis.stream import tokens
from crossbench.api import ModelRef, Needs, Request
from crossbench.envs import overlay
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Load, Measure, Measured, Ready, Record
from crossbench.worker.supervisor import WorkerProcess
from tests.conftest import engine

DEADLINES = Deadlines(load_s=200, first_token_s=30, chunk_gap_s=30, close_s=20)


@contextmanager
def session(
    backend: str, artifact: Path, options: Mapping[str, Any], folder: Path
) -> Iterator[WorkerProcess]:
    """A worker with the model in it."""
    found, spec = engine(backend), Registry().backend(backend).spec
    overlay.lay(spec)
    worker = WorkerProcess(
        python=found.python, environ=environ(found), log=folder / "log", deadlines=DEADLINES
    )
    load = Load(
        factory=spec.factory,
        options_type=spec.options,
        options=dict(options),
        model=ModelRef(path=str(artifact), name="tiny"),
        needs=Needs(context_tokens=256),
        distributions=spec.distributions,
    )
    try:
        worker.ask(load, Ready)
        yield worker
    finally:
        worker.end()


def record(worker: WorkerProcess, request: Request) -> Record:
    """What came of one request."""
    return worker.ask(Measure(requests=(request,)), Measured).records[0]


def pace(records: Sequence[Record]) -> float:
    """Nanoseconds a token from the request on, the median over requests: a busy server may send all
    that came after the first token at once."""
    return median(one.stamps_ns[-1] / tokens(one)[0] for one in records)
