"""A target in the background: busy between work and rest, loaded and idle otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossbench.api import ModelRef, Needs, Request
from crossbench.background.activity import BackgroundFailed
from crossbench.background.serving import Serving
from crossbench.envs.environment import Environment
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Load, Ready
from crossbench.worker.supervisor import WorkerProcess
from tests.conftest import TINY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]
Serve = Callable[..., Serving]


@pytest.fixture
def serve(null: Environment, tmp_path: Path) -> Iterator[Serve]:
    started: list[Serving] = []

    def start(
        streams: int = 1, patience_s: float = 20, max_tokens: int = 10, **script: Any
    ) -> Serving:
        worker = WorkerProcess(
            python=null.python,
            environ=environ(null),
            log=tmp_path / "log",
            deadlines=Deadlines(load_s=20, first_token_s=3, chunk_gap_s=3, close_s=2),
        )
        worker.ask(
            Load(
                factory="crossbench.testing.null:NullEngine",
                options_type="crossbench.testing.null:NullOptions",
                options=script,
                model=ModelRef(path=str(TINY), name="tiny"),
                needs=Needs(context_tokens=100, streams=streams),
                distributions=(),
            ),
            Ready,
        )
        requests = [
            Request(id=f"b{n}", prompt_ids=(1, n), max_tokens=max_tokens) for n in range(16)
        ]
        serving = Serving(worker, requests, streams, patience_s)
        started.append(serving)
        return serving

    yield start
    for serving in started:
        serving.end()


def test_it_is_busy_between_work_and_rest(serve: Serve) -> None:
    serving = serve(ttft_s=0.01, tpot_s=0.01)  # 10 tokens in a tenth of a second
    serving.work()
    time.sleep(1.0)
    spell = serving.rest()
    seconds = (spell.end_ns - spell.begin_ns) / 1e9
    assert spell.tokens is not None
    assert 20 * seconds < spell.tokens < 110 * seconds
    before = serving._worker.beat()
    time.sleep(0.3)
    assert serving._worker.beat() == before


def test_several_streams_are_served_at_once(serve: Serve) -> None:
    serving = serve(streams=4, style="async", ttft_s=0.01, tpot_s=0.01)
    serving.work()
    time.sleep(1.0)
    spell = serving.rest()
    assert spell.tokens is not None
    assert spell.tokens > 150 * (spell.end_ns - spell.begin_ns) / 1e9


def test_it_works_again_after_a_rest(serve: Serve) -> None:
    serving = serve(tpot_s=0.002)
    for _ in range(3):
        serving.work()
        time.sleep(0.1)
        assert serving.rest().tokens


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ({"fault": "crash", "fault_on": 3}, "SIGSEGV"),
        ({"fault": "refuse", "fault_on": 3}, "it refused a request: refused as scripted"),
        ({"fault": "hang", "fault_on": 3}, "no sign of life for 3 s"),
    ],
)
def test_one_that_dies_at_work_is_named(serve: Serve, script: dict[str, Any], told: str) -> None:
    serving = serve(tpot_s=0.002, **script)
    serving.work()
    serving.attest()
    time.sleep(0.5)
    with pytest.raises(BackgroundFailed, match=told):
        serving.rest()
    with pytest.raises(BackgroundFailed, match=told):
        serving.attest()
    with pytest.raises(BackgroundFailed, match=told):
        serving.work()


def test_answers_of_one_token_are_work_too(serve: Serve) -> None:
    serving = serve(ttft_s=0.5, max_tokens=1, patience_s=2)
    serving.work()
    time.sleep(0.7)
    assert serving.rest().tokens


def test_a_thread_that_breaks_is_named(serve: Serve) -> None:
    serving = serve(patience_s=3)
    serving._given = 0.5  # type: ignore[assignment]
    with pytest.raises(BackgroundFailed, match="TypeError: 'float' object"):
        serving.work()


def test_one_that_never_begins_is_named(serve: Serve) -> None:
    serving = serve(patience_s=0.3, ttft_s=2.5)
    with pytest.raises(BackgroundFailed, match=r"it gave no token within 0\.3 s"):
        serving.work()


def test_one_at_work_is_ended_without_being_waited_for(serve: Serve) -> None:
    serving = serve(ttft_s=0.001, tpot_s=2.0)
    serving.work()
    began = time.monotonic()
    serving.end()
    assert time.monotonic() - began < 10
    assert not psutil.pid_exists(serving._worker.pid)
