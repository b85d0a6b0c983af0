"""The plugin runs where a user's would: in a worker of its own, driven and judged by the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from crossbench.api import ModelRef, Needs, Request
from crossbench.envs import overlay
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Load, Measure, Measured, Ready, Record
from crossbench.worker.supervisor import WorkerProcess
from tests.conftest import TINY, engine
from tests.openai.scripted import Server, completion, event, finish, usage, words

DEADLINES = Deadlines(load_s=60, first_token_s=30, chunk_gap_s=30, close_s=10)
PROMPT = (0, 296, 297, 298, 299)


class Target:
    """One worker with the plugin in it."""

    def __init__(self, worker: WorkerProcess, log: Path) -> None:
        self.worker = worker
        self.log = log

    def load(self, base_url: str | None, *, artifact: Path = TINY, **options: Any) -> Ready:
        spec = Registry().backend("openai").spec
        where = {} if base_url is None else {"base_url": base_url}
        return self.worker.ask(
            Load(
                factory=spec.factory,
                options_type=spec.options,
                options={**where, **options},
                model=ModelRef(path=str(artifact), name="tiny"),
                needs=Needs(context_tokens=64),
                distributions=spec.distributions,
            ),
            Ready,
        )

    def records(self, *requests: Request, streams: int = 1) -> tuple[Record, ...]:
        return self.worker.ask(Measure(requests=requests, streams=streams), Measured).records

    def record(self, tokens: int = 4, prompt: tuple[int, ...] = PROMPT, **more: Any) -> Record:
        return self.records(Request(id="r", prompt_ids=prompt, max_tokens=tokens, **more))[0]

    def failure(self, **more: Any) -> str:
        """Why a request failed; that the session lives on is asked by the next."""
        failure = self.record(**more).failure
        assert failure is not None
        assert failure.kind == "request"
        return failure.message


Start: TypeAlias = Callable[[], Target]


@pytest.fixture(scope="session")
def openai() -> Environment:
    spec = Registry().backend("openai").spec
    found = engine("openai")
    overlay.lay(spec)
    return found


@pytest.fixture(scope="module")
def start(openai: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts workers, each for one load."""
    workers: list[WorkerProcess] = []

    def begin() -> Target:
        log = tmp_path_factory.mktemp("worker") / "worker.log"
        variables = environ(openai)
        worker = WorkerProcess(
            python=openai.python, environ=variables, log=log, deadlines=DEADLINES
        )
        workers.append(worker)
        return Target(worker, log)

    yield begin
    for worker in workers:
        worker.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A scripted server of one model, which takes ids and knows no schema."""
    with Server().running() as running:
        running.pages["/v1/models"] = 200, {"data": [{"id": "tiny", "owned_by": "scripted"}]}
        running.pages["/v1/completions"] = 200, lambda body: completion(len(body["prompt"]))
        yield running


@pytest.fixture(scope="module")
def target(start: Start, server: Server) -> Target:
    """A session on it that sends ids."""
    loaded = start()
    loaded.load(server.url, read_timeout_s=0.5)
    return loaded


@pytest.fixture
def fresh() -> Iterator[Server]:
    """As `server`, of one test's own."""
    with Server().running() as running:
        running.pages["/v1/models"] = 200, {"data": [{"id": "tiny", "owned_by": "scripted"}]}
        running.pages["/v1/completions"] = 200, lambda body: completion(len(body["prompt"]))
        running.says(event(words(" is")), event(finish()), event(usage(len(PROMPT), 1)))
        yield running


def failure(start: Start, url: str, **more: Any) -> tuple[str, str]:
    """The kind of a load's failure, and what is said of it."""
    with pytest.raises(WorkerFailed) as caught:
        start().load(url, **more)
    return caught.value.kind, str(caught.value)
