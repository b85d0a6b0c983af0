"""Commands in the background: they work when told, stand still otherwise, and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from crossbench.background import command
from crossbench.background.activity import BackgroundFailed
from crossbench.background.command import Running

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]
Run = Callable[..., Running]

BURN = "while True: pass"
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: pass
    os._exit(0)
time.sleep(600)
"""
"""A child, and a daemon that has left the group and the session and lost its parent."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started: list[Running] = []

    def start(*words: str, settle_s: float = 0.5, cpus: tuple[int, ...] = ()) -> Running:
        running = Running(
            words, environ=os.environ, cpus=cpus, log=tmp_path / "log", settle_s=settle_s
        )
        started.append(running)
        return running

    yield start
    for running in started:
        running.end()


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


def spent(running: Running) -> float:
    """Processor time of all that the command has started."""
    assert running._process is not None
    tree = psutil.Process(running._process.pid).children(recursive=True)
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def test_it_works_between_work_and_rest_and_stands_still_after(run: Run) -> None:
    running = run(*python(BURN))
    running.work()
    time.sleep(0.5)
    spell = running.rest()
    assert spell.cpu_s is not None
    assert 0 < spell.cpu_s <= (spell.end_ns - spell.begin_ns) / 1e9 + 0.2
    before = spent(running)
    time.sleep(0.5)
    assert spent(running) == before
    running.work()
    time.sleep(0.5)
    again = running.rest()
    assert again.cpu_s is not None
    assert again.cpu_s > 0
    assert again.begin_ns > spell.end_ns


def test_all_that_it_started_stands_still_and_is_ended(run: Run) -> None:
    running = run(*python(FAMILY), settle_s=1.0)
    running.work()
    time.sleep(0.5)
    spell = running.rest()
    assert spell.cpu_s is not None
    before = spent(running)
    time.sleep(0.5)
    assert spent(running) == before
    assert running._process is not None
    tree = psutil.Process(running._process.pid).children(recursive=True)
    assert len(tree) >= 3
    running.end()
    assert not [process for process in tree if process.is_running()]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds processes to processors")
def test_it_is_held_to_its_processors(run: Run) -> None:
    cpu = min(os.sched_getaffinity(0))
    running = run(*python(FAMILY), cpus=(cpu,), settle_s=1.0)
    running.work()
    assert running._process is not None
    for process in psutil.Process(running._process.pid).children(recursive=True):
        assert process.cpu_affinity() == [cpu]


def test_what_it_prints_of_secrets_is_masked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-what-nobody-may-read"
    monkeypatch.setenv("A_SERVICE_API_KEY", secret)
    code = "import os; print('x' * 5000); print('with', os.environ['A_SERVICE_API_KEY'])"
    running = run(*python(code), settle_s=20)
    with pytest.raises(BackgroundFailed) as failure:
        running.work()
    running.end()
    hidden = f"with {'*' * len(secret)}"
    assert str(failure.value).endswith(hidden)
    text = (tmp_path / "log").read_text()
    assert text.endswith(f"{hidden}\n")
    assert secret not in text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds processes to processors")
def test_one_that_cannot_be_held_is_not_left(run: Run) -> None:
    """`no_process_left` looks for it."""
    with pytest.raises(BackgroundFailed, match="it cannot be started"):
        run(*python(BURN), cpus=(100_000,)).work()


def test_a_keeper_that_does_not_leave_is_ended_with_all_below_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`no_process_left` looks for them."""
    monkeypatch.setattr(command, "LEAVE_S", 0.2)
    running = run(*python(FAMILY), settle_s=1.0)
    running.work()
    keeper, *tree = running.members()
    assert len(tree) >= 3
    os.kill(keeper, signal.SIGSTOP)
    running.end()


def test_its_input_is_closed_and_its_output_goes_to_the_log(run: Run, tmp_path: Path) -> None:
    code = "import sys, time; print('read', repr(sys.stdin.read()), flush=True); time.sleep(600)"
    run(*python(code)).work()
    assert (tmp_path / "log").read_text() == "read ''\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print('no more work'); raise SystemExit(3)", "it ended with code 3.*no more work"),
        ("pass", "it ended with code 0"),
        ("import os; os.kill(os.getpid(), 9)", "it ended with code 137"),
    ],
)
def test_one_that_ends_is_named(run: Run, code: str, told: str) -> None:
    with pytest.raises(BackgroundFailed, match=told):
        run(*python(code), settle_s=20).work()


def test_one_that_ends_while_it_works_is_named(run: Run) -> None:
    running = run(*python("import time; time.sleep(1.5)"), settle_s=0.2)
    running.work()
    time.sleep(2)
    with pytest.raises(BackgroundFailed, match="it ended with code 0"):
        running.rest()


def test_one_that_ended_is_not_attested(run: Run) -> None:
    """Not even within a tenth of a second, after which its keeper looks for it by itself."""
    running = run(*python("import time; time.sleep(1.0)"), settle_s=0.2)
    running.work()
    running.attest()
    assert running._process is not None
    (command,) = psutil.Process(running._process.pid).children()
    with suppress(psutil.NoSuchProcess):
        while command.status() != psutil.STATUS_ZOMBIE:  # what its keeper has not seen yet
            time.sleep(0.001)
    with pytest.raises(BackgroundFailed, match="it ended with code 0"):
        running.attest()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own clock")
def test_its_processor_time_is_told_finer_than_the_kernels_ticks(run: Run) -> None:
    """In hundredths of a second a short pass would have taken none."""
    running = run(*python(BURN))
    spells = []
    for _ in range(4):
        running.work()
        time.sleep(0.03)
        spells.append(running.rest().cpu_s or 0.0)
    ticks = [100 * cpu_s for cpu_s in spells]
    assert any(abs(each - round(each)) > 1e-3 for each in ticks), ticks


def test_it_is_given_time_to_be_at_work_again(run: Run) -> None:
    running = run(*python(BURN), settle_s=0.3)
    for least_s in (0.3, command.AGAIN_S, command.AGAIN_S):
        began = time.monotonic()
        running.work()
        assert time.monotonic() - began >= least_s
        running.rest()


def test_one_that_does_not_exist_is_named(run: Run) -> None:
    with pytest.raises(BackgroundFailed, match="cannot start /no/such/program"):
        run("/no/such/program", settle_s=20).work()


def test_it_goes_with_its_host(tmp_path: Path) -> None:
    """Also while it is stopped: `no_process_left` looks for it."""
    code = f"""
import os, sys, time
from pathlib import Path
from crossbench.background.command import Running
running = Running((sys.executable, "-c", {FAMILY!r}), environ=os.environ, cpus=(),
                  log=Path({str(tmp_path / "log")!r}), settle_s=0.5)
running.work()
running.rest()
print("ready", flush=True)
time.sleep(600)
"""
    host = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert host.stdout is not None
    assert host.stdout.readline() == b"ready\n"
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
