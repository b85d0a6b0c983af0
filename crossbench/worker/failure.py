"""How a worker failed: what it says of it, and what the host makes of its silence or its end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from crossbench.secrets import masked
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Failed, FailureKind, Record
from crossbench.worker.pulse import Beat, Phase

LOG_TAIL_BYTES = 2000


class WorkerFailed(Exception):  # the launch is over; the run goes on
    """A worker could not do what it was asked, with the kind and the phase of its failure."""

    def __init__(
        self,
        kind: FailureKind,
        phase: Phase,
        message: str,
        records: tuple[Record, ...] = (),
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.phase = phase
        self.records = records


def confessed(reply: Failed) -> WorkerFailed:
    """What a worker says itself."""
    phase = Phase(reply.phase)
    kind: FailureKind = reply.kind
    if kind == "error" and phase in (Phase.STARTING, Phase.LOADING):
        kind = "startup"
    return WorkerFailed(kind, phase, reply.message, reply.records)


def died(code: int, phase: Phase, last_words: str) -> WorkerFailed:
    """Of one that is gone; `code` is its exit code, negative for a signal."""
    starting = phase in (Phase.STARTING, Phase.LOADING)
    how = f"exited with code {code}"
    if code < 0:
        how = f"was ended by {_signal_name(-code)}"
        if -code == signal.SIGKILL:
            how += " (often the kernel's out-of-memory killer)"
    kind: FailureKind = "startup" if starting and code >= 0 else "crash"
    return WorkerFailed(kind, phase, f"the worker {how}{last_words}")


def overdue(beat: Beat, asked_ns: int, deadlines: Deadlines) -> WorkerFailed | None:
    """Of one that has shown no sign of life for longer than its phase may take, or None.

    `asked_ns` is when it was asked, by `perf_counter_ns`: what lay before does not count.
    """
    limit_s, name = {
        Phase.STARTING: (deadlines.load_s, "load"),
        Phase.LOADING: (deadlines.load_s, "load"),
        Phase.IDLE: (deadlines.first_token_s, "first token"),
        Phase.WAITING: (deadlines.first_token_s, "first token"),
        Phase.FIRST_TOKEN: (deadlines.first_token_s, "first token"),
        Phase.STREAMING: (deadlines.chunk_gap_s, "gap between chunks"),
        Phase.SCORING: (deadlines.first_token_s, "first token"),
        Phase.CLOSING: (deadlines.close_s, "close"),
    }[beat.phase]
    waited_s = (time.perf_counter_ns() - max(beat.since_ns, asked_ns)) / 1e9
    if waited_s <= limit_s:
        return None
    told = f"no sign of life for {limit_s:g} s, the deadline of {name}"
    return WorkerFailed("timeout", beat.phase, told)


def last_words(log: Path, hidden: tuple[bytes, ...]) -> str:
    """The end of its log, for a death that has no other explanation."""
    with suppress(OSError):
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            data = masked(stream.read(), hidden)
        lines = data.decode("utf-8", "replace").strip().splitlines()[-3:]
        if lines:
            return "; its last words: " + " | ".join(line.strip() for line in lines)
    return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
