"""Real worker processes on the null engine, with every fault it can have."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossbench.api import ModelRef, Needs, Request
from crossbench.envs.environment import Environment
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.group import members
from crossbench.worker.protocol import Load, Measure, Measured, MemoryRead, ReadMemory, Ready
from crossbench.worker.pulse import Beat, Phase
from crossbench.worker.supervisor import WorkerProcess
from tests.conftest import TINY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]
Start = Callable[..., WorkerProcess]
QUICK = Deadlines(load_s=20, first_token_s=1, chunk_gap_s=1, close_s=1)


@pytest.fixture
def start(null: Environment, tmp_path: Path) -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def launch(deadlines: Deadlines = QUICK, python: Path | None = None) -> WorkerProcess:
        worker = WorkerProcess(
            python=python or null.python,
            environ=environ(null),
            log=tmp_path / "worker.log",
            deadlines=deadlines,
        )
        started.append(worker)
        return worker

    yield launch
    for worker in started:
        worker.kill()


def load(**script: Any) -> Load:
    return Load(
        factory="crossbench.testing.null:NullEngine",
        options_type="crossbench.testing.null:NullOptions",
        options=script,
        model=ModelRef(path=str(TINY), name="tiny"),
        needs=Needs(context_tokens=100),
        distributions=("msgspec", "no-such-distribution"),
    )


def ask(tokens: int = 20) -> Measure:
    return Measure(requests=(Request(id="r", prompt_ids=(1, 2), max_tokens=tokens),))


def test_a_worker_loads_measures_and_quits(start: Start) -> None:
    worker = start()
    ready = worker.ask(load(), Ready)
    assert worker.spawned_ns < ready.main_ns < ready.imported_ns < ready.ready_ns
    assert list(ready.versions) == ["msgspec"]
    measured = worker.ask(ask(), Measured)
    assert measured.records[0].token_ids == tuple(range(3, 23))
    ending = worker.end()
    assert (ending.stage, ending.exit_code) == ("quit", 0)


def test_another_kind_of_reply_is_named(start: Start) -> None:
    worker = start()
    with pytest.raises(WorkerFailed, match="answered Ready where MemoryRead was due"):
        worker.ask(load(), MemoryRead)


def test_the_pulse_is_seen_while_it_works(start: Start) -> None:
    worker = start()
    worker.ask(load(ttft_s=0.2, tpot_s=0.02), Ready)
    beats: list[Beat] = []
    worker.ask(ask(30), Measured, beats.append)
    assert {beat.phase for beat in beats} >= {Phase.FIRST_TOKEN, Phase.STREAMING}
    assert beats[-1].tokens > beats[0].tokens


def test_noise_on_stdout_goes_to_the_log(start: Start, tmp_path: Path) -> None:
    worker = start()
    worker.ask(load(fault="noise"), Ready)
    measured = worker.ask(ask(), Measured)
    assert measured.records[0].failure is None
    worker.end()
    log = (tmp_path / "worker.log").read_text()
    assert log.count("noise from C") == log.count("noise from Python") == 50_000


@pytest.mark.parametrize(
    ("script", "kind", "phase", "message"),
    [
        ({"fault": "raise", "fault_at": "load"}, "startup", "LOADING", "broken as scripted"),
        ({"fault": "exit", "fault_at": "load"}, "startup", "LOADING", "exited with code 3"),
        ({"fault": "crash", "fault_at": "load"}, "crash", "LOADING", "SIGSEGV"),
        ({"no_such_option": 1}, "unsupported", "LOADING", "no_such_option"),
    ],
)
def test_a_failing_load_is_named(
    start: Start, script: dict[str, Any], kind: str, phase: str, message: str
) -> None:
    worker = start()
    with pytest.raises(WorkerFailed, match=message) as failed:
        worker.ask(load(**script), Ready)
    assert (failed.value.kind, failed.value.phase.name) == (kind, phase)


def test_a_hang_while_loading_is_a_timeout(start: Start) -> None:
    worker = start(Deadlines(load_s=2, first_token_s=1, chunk_gap_s=1, close_s=1))
    with pytest.raises(WorkerFailed, match="deadline of load") as failed:
        worker.ask(load(fault="hang", fault_at="load"), Ready)
    assert failed.value.kind == "timeout"
    assert worker.end().stage == "terminated"


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("raise", "error", "broken as scripted"),
        ("exit", "crash", "exited with code 3"),
        ("crash", "crash", "SIGSEGV"),
        ("fork", "crash", "SIGKILL"),
        ("hang", "timeout", "deadline of"),
    ],
)
@pytest.mark.parametrize("place", ["first_token", "mid_stream"])
def test_a_failing_request_is_named(
    start: Start, fault: str, kind: str, message: str, place: str
) -> None:
    worker = start()
    worker.ask(load(fault=fault, fault_at=place), Ready)
    with pytest.raises(WorkerFailed, match=message) as failed:
        worker.ask(ask(), Measured)
    assert failed.value.kind == kind
    began = time.monotonic()
    worker.end()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("place", ["first_token", "mid_stream"])
def test_an_engine_that_stalls_while_its_loop_lives_is_a_timeout(start: Start, place: str) -> None:
    worker = start()
    worker.ask(load(style="async", fault="stall", fault_at=place), Ready)
    with pytest.raises(WorkerFailed, match="deadline of") as failed:
        worker.ask(ask(), Measured)
    assert failed.value.kind == "timeout"


def test_a_long_wait_for_a_request_to_be_due_is_no_timeout(start: Start) -> None:
    worker = start()
    worker.ask(load(style="async"), Ready)
    requests = tuple(Request(id=each, prompt_ids=(1,), max_tokens=5) for each in "ab")
    asked = Measure(requests=requests, arrivals_ns=(0, 2_500_000_000))
    assert [each.failure for each in worker.ask(asked, Measured).records] == [None, None]


def test_a_worker_loads_another_engine_in_place_of_the_first(start: Start) -> None:
    worker = start()
    worker.ask(load(style="async"), Ready)
    worker.ask(load(tokens_per_chunk=4), Ready)
    assert worker.ask(ask(8), Measured).records[0].counts == (4, 4)
    assert worker.end().stage == "quit"


def test_a_forked_child_that_holds_the_pipe_is_ended_with_the_group(start: Start) -> None:
    worker = start()
    worker.ask(load(fault="fork"), Ready)
    group = worker.pid
    with pytest.raises(WorkerFailed):
        worker.ask(ask(), Measured)
    assert members(group), "the forked child should outlive the worker"
    worker.end()
    assert wait_for(lambda: not members(group))


def test_memory_that_runs_out_is_named(start: Start) -> None:
    worker = start(Deadlines(load_s=30, first_token_s=30, chunk_gap_s=30, close_s=5))
    worker.ask(load(fault="bloat"), Ready)
    limit = psutil.Process(worker.pid).memory_info().vms + 64 * 2**20
    resource.prlimit(worker.pid, resource.RLIMIT_AS, (limit, limit))
    with pytest.raises(WorkerFailed) as failed:
        worker.ask(ask(), Measured)
    assert failed.value.kind == "oom"


def test_a_worker_that_will_not_close_is_terminated(start: Start) -> None:
    worker = start()
    worker.ask(load(fault="hang", fault_at="close"), Ready)
    assert worker.end().stage == "terminated"


def test_idle_time_of_the_host_counts_against_no_deadline(start: Start) -> None:
    worker = start(Deadlines(load_s=20, first_token_s=0.5, chunk_gap_s=0.5, close_s=1))
    worker.ask(load(), Ready)
    time.sleep(1.0)
    worker.ask(ReadMemory(), MemoryRead)


def test_an_interpreter_that_cannot_start_is_named(start: Start, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="cannot start") as failed:
        start(python=tmp_path / "no-python")
    assert failed.value.kind == "startup"


def test_a_program_that_is_no_worker_is_named(start: Start, tmp_path: Path) -> None:
    impostor = tmp_path / "impostor"
    impostor.write_text("#!/bin/sh\nprintf 'hello, I am no worker at all'\nsleep 30\n")
    impostor.chmod(0o755)
    worker = start(python=impostor)
    with pytest.raises(WorkerFailed, match="protocol") as failed:
        worker.ask(load(), Ready)
    assert failed.value.kind == "error"


def test_a_hanging_worker_ends_with_its_host(null: Environment, tmp_path: Path) -> None:
    """A host is killed while its engine hangs; the guardian ends the group within ten seconds."""
    script = tmp_path / "host.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.worker.test_supervisor import QUICK, Measured, Ready, ask, load\n"
        "from crossbench.worker.supervisor import WorkerProcess\n"
        "from crossbench.suite.tables.protocol import Deadlines\n"
        "import os\n"
        "worker = WorkerProcess(python=Path(sys.executable), environ=dict(os.environ),\n"
        "    log=Path(sys.argv[1]), deadlines=Deadlines())\n"
        "worker.ask(load(fault='hang'), Ready)\n"
        "print(worker.pid, flush=True)\n"
        "worker.ask(ask(), Measured)\n"
    )
    host = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout is not None
    worker = int(host.stdout.readline())
    assert members(worker)
    time.sleep(0.5)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    assert wait_for(lambda: not members(worker), 10)


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
