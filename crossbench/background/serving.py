"""A second target in the background: a loaded worker, kept busy by one request after another.

A thread of the host's asks it; the timed worker has a process, and a place, of its own. Between
spells it is loaded and idle, so that what is compared is its work and not its memory.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from crossbench.api import Request
from crossbench.background.activity import BackgroundFailed, Spell
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.group import members
from crossbench.worker.protocol import Measure, Measured
from crossbench.worker.supervisor import WorkerProcess

ROUND_S = 0.5
"""About how long the requests last that it is given at once: it rests when they are done."""
LOOK_EVERY_S = 0.005


class Serving:
    """A loaded worker, at work while it is told to be."""

    def __init__(
        self, worker: WorkerProcess, requests: Sequence[Request], streams: int, patience_s: float
    ) -> None:
        """`requests` are given to it over and over, `streams` at once; `patience_s` bounds the wait
        for the first token of a spell."""
        self._worker = worker
        self._requests = tuple(requests)
        self._streams = streams
        self._patience_s = patience_s
        self._given = min(streams, len(self._requests))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._began_ns = self._before = 0

    def work(self) -> None:
        """Begin, and wait for the first token. Raises BackgroundFailed."""
        self._raise_failure()
        self._stop.clear()
        before = self._worker.beat().tokens
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + self._patience_s
        while self._worker.beat().tokens == before and self._failure is None:
            if time.monotonic() > deadline:
                self._failure = f"it gave no token within {self._patience_s:g} s"
            time.sleep(LOOK_EVERY_S)
        self._raise_failure()
        self._before = self._worker.beat().tokens
        self._began_ns = time.perf_counter_ns()

    def attest(self) -> None:
        """Raises BackgroundFailed where a request of its failed, or the worker is gone."""
        self._raise_failure()

    def rest(self) -> Spell:
        """Wait until what it was given is done; the tokens counted are those until this call.

        Raises BackgroundFailed.
        """
        tokens, end_ns = self._worker.beat().tokens - self._before, time.perf_counter_ns()
        self._stop.set()
        if self._thread is not None:
            self._thread.join()  # the worker's own deadlines bound it
            self._thread = None
        self._raise_failure()
        return Spell(begin_ns=self._began_ns, end_ns=end_ns, tokens=tokens)

    def members(self) -> Sequence[int]:
        """Ids of the worker's processes."""
        return members(self._worker.pid)

    def end(self) -> None:
        """End the worker; one that is at work is not waited for."""
        self._stop.set()
        if self._thread is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._worker.pid, signal.SIGKILL)
            self._thread.join()  # it sees the death within a tick
            self._thread = None
        self._worker.end()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise BackgroundFailed(self._failure)

    def _serve(self) -> None:
        place = 0
        try:
            while not self._stop.is_set():
                count = len(self._requests)
                chosen = [self._requests[(place + n) % count] for n in range(self._given)]
                place = (place + self._given) % count
                self._round(Measure(requests=tuple(chosen), streams=self._streams))
        except WorkerFailed as failure:
            self._failure = str(failure)
        except Exception as error:  # noqa: BLE001 (nobody else sees what ends a thread)
            self._failure = f"{type(error).__name__}: {error}"

    def _round(self, asked: Measure) -> None:
        """Serve, and give about as much next time as lasts a round. Raises WorkerFailed."""
        began = time.monotonic()
        for record in self._worker.ask(asked, Measured).records:
            if record.failure is not None:
                self._failure = f"it refused a request: {record.failure.message}"
                self._stop.set()
        took = time.monotonic() - began
        most = len(self._requests)
        if took < ROUND_S / 2:
            self._given = min(most, 2 * self._given)
        elif took > 2 * ROUND_S:
            self._given = max(min(self._streams, most), self._given // 2)
