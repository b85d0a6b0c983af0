"""One client against the server of known times: both started, pinned apart, and waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from benchmarks.peers import truth
from benchmarks.peers.claim import Score, score
from benchmarks.peers.contestants import Contestant, Load

PATIENCE_S = 240.0
STEP_S = 0.05


class Failed(Exception):
    """A client did not get through, with the end of what it said."""


class Run(Struct, frozen=True, kw_only=True):
    """One client at one load."""

    load: Load
    score: Score
    cpu_s: float
    """User and system time of the client with all its processes, start included."""
    tokens: int
    """That the server sent, to requests that warm up too."""


def run(contestant: Contestant, load: Load, folder: Path) -> Run:
    """Measure. Raises Failed, Unmatched."""
    folder.mkdir(parents=True)
    ours, theirs = _cores()
    stamps = folder / "stamps.jsonl"
    with _serving(load, stamps, ours) as url:
        cpu_s = _finished(contestant, contestant.command(url, load, folder), folder, theirs)
    sent = truth.read(stamps)
    return Run(
        load=load,
        score=score(contestant.claims(folder), sent),
        cpu_s=cpu_s,
        tokens=sum(len(one.emitted_ns) for one in sent),
    )


def _cores() -> tuple[set[int], set[int]]:
    """The server's and the client's; the same for both where there is one, or no pinning."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    cores = sorted(os.sched_getaffinity(0))
    return set(cores[:1]), set(cores[1:] or cores)


@contextmanager
def _pinned(cores: set[int]) -> Iterator[None]:
    """What is started meanwhile stays on these cores."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _serving(load: Load, stamps: Path, cores: set[int]) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.peers.truth", "--stamps", str(stamps)]
    command += ["--ttft", str(load.ttft_s), "--gap", str(load.gap_s)]
    with _pinned(cores):
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        server.stdout.close()


def _finished(
    contestant: Contestant, command: Sequence[str], folder: Path, cores: set[int]
) -> float:
    """Seconds of processor that it took with all it started and waited for. Raises Failed."""
    log = folder / "log"
    with log.open("wb") as out, _pinned(cores):
        client = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=contestant.folder or folder,
            env=os.environ | dict(contestant.environ),
            start_new_session=True,
        )
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        pid, status, usage = os.wait4(client.pid, os.WNOHANG)
        if pid:
            client.returncode = os.waitstatus_to_exitcode(status)
            if client.returncode != 0:
                raise Failed(f"{contestant.name} ended with {client.returncode}:\n{_tail(log)}")
            return usage.ru_utime + usage.ru_stime
        time.sleep(STEP_S)
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    raise Failed(f"{contestant.name} was not through after {PATIENCE_S:g} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
