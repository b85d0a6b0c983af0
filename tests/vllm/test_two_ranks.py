"""Tensor parallel over two ranks: the same model, and no process left when its worker is killed."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from crossbench.api import Parallelism
from crossbench.envs.environment import Environment
from crossbench.worker.group import members
from tests.conftest import MARK, marked
from tests.reference import Reference
from tests.vllm.conftest import LOAD_S, NEEDS, TOLERANCE, Worker
from tests.vllm.estimates import check_estimate
from tests.vllm.prompts import meaningless, natural

pytestmark = [
    pytest.mark.engine("vllm"),
    pytest.mark.timeout(LOAD_S),
]

needs_two_cpus = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="two ranks need a CPU each"
)


@pytest.fixture(scope="module")
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def worker(
    environment: Environment, tmp_path_factory: pytest.TempPathFactory, mark: str
) -> Iterator[Worker]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        log = tmp_path_factory.mktemp("two") / "worker.log"
        worker = Worker(environment, log, tensor_parallel_size=2, nccl_p2p_disable=True)
    try:
        yield worker
    finally:
        worker.process.kill()
        for process in marked(mark):
            os.kill(process, signal.SIGKILL)


@needs_two_cpus
def test_greedy_tokens_are_those_of_the_reference(worker: Worker, reference: Reference) -> None:
    for prompt in natural()[:3]:
        output = worker.ids(prompt, 24)
        assert len(output) == 24
        assert reference.astray(prompt, output, TOLERANCE) == []


@needs_two_cpus
def test_scores_are_those_of_the_reference(worker: Worker, reference: Reference) -> None:
    for ids in (natural()[3], meaningless(150)):
        scores = [score.logprob for score in worker.score(ids, 1)]
        assert scores == pytest.approx(reference.given(ids, 1), abs=TOLERANCE)


@needs_two_cpus
def test_forced_ids_are_decoded_along_by_both_ranks(worker: Worker) -> None:
    forced = tuple(meaningless(10))
    assert worker.ids(natural()[0], 10, forced_ids=forced) == list(forced)


@needs_two_cpus
def test_both_ranks_are_described(worker: Worker) -> None:
    loaded = worker.ready.loaded
    assert loaded.parallelism.value is Parallelism.TENSOR
    assert loaded.weight_bytes.value == 4 * 4_196_608
    settings: dict[str, Any] = {name: fact.value for name, fact in loaded.settings.items()}
    assert settings["tensor_parallel_size"] == 2
    assert settings["communicator"] == "CpuCommunicator"
    assert settings["custom_all_reduce"] is False
    first, second = settings["ranks"]
    assert (first["tensor"], second["tensor"]) == (0, 1)
    assert not set(first["cpus"]) & set(second["cpus"])
    assert loaded.ignored == ("nccl_p2p_disable",)
    assert worker.memory()["cpu"].kv_bytes == 2 * 2**27


@needs_two_cpus
def test_what_both_ranks_hold_was_expected(worker: Worker) -> None:
    check_estimate(worker.options, NEEDS, worker.ready.loaded, worker.memory())


@needs_two_cpus
def test_nothing_outlives_a_killed_worker(worker: Worker, mark: str) -> None:
    """The last test of its worker."""
    pid = worker.process.pid
    assert len(members(pid)) >= 4
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    ending = worker.process.end()
    assert ending.exit_code == -signal.SIGKILL
    assert time.monotonic() - began < 20
    assert members(pid) == []
    assert marked(mark) == set()
