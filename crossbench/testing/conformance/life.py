"""One worker's whole life: loads and closes in one process, what memory is left, who survives."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
from msgspec import Struct

from crossbench.api import Request
from crossbench.testing.conformance.bench import DEADLINES, Order, kill, marked, seen
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.group import members
from crossbench.worker.protocol import Closed, Quit, Ready, Tokenize, Tokenized
from crossbench.worker.supervisor import WorkerProcess

GRACE_S = 3.0
"""What helper processes are given to notice that their worker has gone."""
MISSING = "no-such-artifact"


class Life(Struct, frozen=True, kw_only=True):
    """How it went."""

    missing: str = ""
    """What loading an artifact that is not there came to."""
    resident: tuple[int, ...] = ()
    """Bytes resident in the worker's whole group after each close."""
    failure: str = ""
    """Why a load failed; empty where all succeeded."""
    exit_code: int | None = None
    left: tuple[str, ...] = ()
    """Processes that outlived the worker, with their command lines."""


def lead(order: Order, loads: int, trial: Request) -> Life:
    """Load, generate and close that many times in one worker, ask it to quit, and look around."""
    mark = uuid.uuid4().hex
    process = order.start(mark)
    missing, failure, resident = "", "", []
    left: dict[int, str] = {}
    try:
        process.ask(Tokenize(texts=()), Tokenized)  # answered as soon as the worker stands
        own = set(members(process.pid))
        for number in range(loads):
            nowhere = str(order.folder / MISSING) if number == 0 else None
            load = order.load(act="rehearse", missing=nowhere, trial=trial)
            ready = process.ask(load, Ready)
            missing = missing or seen(ready).missing
            resident.append(_resident(process.pid))
        process.ask(Quit(), Closed)
        left = _survivors(process, mark, own)
    except WorkerFailed as failed:
        failure = f"load {len(resident) + 1} of {loads}: {failed}"
    ending = process.end()
    kill(marked(mark))
    return Life(
        missing=missing,
        resident=tuple(resident),
        failure=failure,
        exit_code=ending.exit_code,
        left=tuple(f"{pid}: {command}" for pid, command in left.items()),
    )


def artifact_bytes(artifact: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = artifact.rglob("*") if artifact.is_dir() else [artifact]
    return sum(file.stat().st_size for file in files if file.is_file())


def _resident(group: int) -> int:
    total = 0
    for pid in members(group):
        with suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total


def _survivors(process: WorkerProcess, mark: str, own: set[int]) -> dict[int, str]:
    """Marked processes besides the worker's own two, once the worker has gone or should have."""
    patience = time.monotonic() + DEADLINES.close_s
    while process.pid in members(process.pid) and time.monotonic() < patience:
        time.sleep(0.02)
    patience = time.monotonic() + GRACE_S
    while left := {pid: said for pid, said in marked(mark).items() if pid not in own}:
        if time.monotonic() > patience:
            break
        time.sleep(0.05)
    return left
