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
from typing import Any

from msgspec import Struct

from benchmarks.peers import truth
from benchmarks.peers.claim import Pair, matched
from benchmarks.peers.contestants import Contestant, Load
from benchmarks.peers.score import Score, score

PATIENCE_S = 240.0
SERVER_S = 30.0
STEP_S = 0.05


class Failed(Exception):
    """A client did not get through, with the end of what it said."""


class Run(Struct, frozen=True, kw_only=True):
    """One client at one load."""

    load: Load
    pairs: tuple[Pair, ...]
    score: Score
    cpu_s: float
    """User and system time of the client with all its processes, start included."""
    server_cpu_s: float
    tokens: int
    """That the server sent, to requests that warm up too."""


class Serving:
    """A server that runs, and what it took once it has ended."""

    cpu_s: float

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url


def run(contestant: Contestant, load: Load, folder: Path) -> Run:
    """Measure. Raises Failed, Unmatched."""
    folder.mkdir(parents=True)
    ours, theirs = _cores()
    stamps = folder / "stamps.jsonl"
    with _serving(load, stamps, ours) as server:
        command = contestant.command(server.url, load, folder)
        cpu_s = _finished(contestant, command, folder, theirs)
    sent = truth.read(stamps)
    pairs = matched(contestant.claims(folder), sent)
    return Run(
        load=load,
        pairs=pairs,
        score=score(pairs),
        cpu_s=cpu_s,
        server_cpu_s=server.cpu_s,
        tokens=sum(len(one.emitted_ns) for one in sent),
    )


def pooled(runs: Sequence[Run]) -> Run:
    """Several runs of one client at one load as one."""
    pairs = tuple(pair for each in runs for pair in each.pairs)
    return Run(
        load=runs[0].load,
        pairs=pairs,
        score=score(pairs),
        cpu_s=sum(each.cpu_s for each in runs),
        server_cpu_s=sum(each.server_cpu_s for each in runs),
        tokens=sum(each.tokens for each in runs),
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
def _serving(load: Load, stamps: Path, cores: set[int]) -> Iterator[Serving]:
    command = [sys.executable, "-m", "benchmarks.peers.truth", "--stamps", str(stamps)]
    command += ["--ttft", str(load.ttft_s), "--gap", str(load.gap_s)]
    with _pinned(cores):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
    assert process.stdout is not None
    server = Serving(process, process.stdout.readline().strip())
    try:
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        server.cpu_s = _ended(process, SERVER_S, "the server")
        process.stdout.close()


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
    try:
        cpu_s = _ended(client, PATIENCE_S, contestant.name)
    except Failed as failure:
        raise Failed(f"{failure}:\n{_tail(log)}") from None
    if client.returncode != 0:
        raise Failed(f"{contestant.name} ended with {client.returncode}:\n{_tail(log)}")
    return cpu_s


def _ended(process: subprocess.Popen[Any], patience_s: float, name: str) -> float:
    """Seconds of processor of a process that ends by itself. Raises Failed."""
    end = time.monotonic() + patience_s
    try:
        while time.monotonic() < end:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return usage.ru_utime + usage.ru_stime
            time.sleep(STEP_S)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    raise Failed(f"{name} was not through after {patience_s:g} s")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
