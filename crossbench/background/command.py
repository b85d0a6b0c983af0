"""A command in the background: stopped between spells, so that it works only where it is measured.

It is run by a keeper (`crossbench.background.keeper`) that ends it, and all that it started, with
this process. What it prints goes into the run's logs.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from crossbench.background import keeper
from crossbench.background.activity import BackgroundFailed, Spell
from crossbench.places.processors import hold
from crossbench.secrets import mask_file, masked, secrets

ANSWER_S = 10.0
"""What the keeper may take to stop a command, or to let it run on."""
LEAVE_S = keeper.GONE_S + 5.0
LOG_TAIL_BYTES = 2000
LOOK_EVERY_S = 0.02
AGAIN_S = 0.1
"""What a command that was stopped is given until it is at work again: its processes are woken one
by one, and what they ask of a device has to get there."""


class Running:
    """A command that is started with its first spell."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        environ: Mapping[str, str],
        cpus: Sequence[int],
        log: Path,
        settle_s: float,
    ) -> None:
        """`cpus` are those it is held to, if any; `settle_s` is what it is given to begin in."""
        self._words = tuple(words)
        self._environ = dict(environ)
        self._hidden = secrets(environ)
        self._cpus = tuple(cpus)
        self._log = log
        self._settle_s = settle_s
        self._process: subprocess.Popen[bytes] | None = None
        self._began_ns, self._before_s = 0, 0.0

    def work(self) -> None:
        """Start it and let it settle, or let it run on. Raises BackgroundFailed."""
        if self._process is None:
            self._process = self._started()
            self._settle(self._process, self._settle_s)
        else:
            self._said("go")
            self._settle(self._process, AGAIN_S)
        self._before_s = self._said("spent")
        self._began_ns = time.perf_counter_ns()

    def attest(self) -> None:
        """Raises BackgroundFailed where the command has ended."""
        self._said("alive")

    def rest(self) -> Spell:
        """Stop it and all that it started. Raises BackgroundFailed."""
        end_ns = time.perf_counter_ns()
        spent_s = self._said("pause")
        return Spell(begin_ns=self._began_ns, end_ns=end_ns, cpu_s=spent_s - self._before_s)

    def members(self) -> Sequence[int]:
        """Ids of the keeper, the command and all that it started."""
        with suppress(psutil.Error):
            if self._process is not None:
                tree = psutil.Process(self._process.pid).children(recursive=True)
                return [self._process.pid, *(process.pid for process in tree)]
        return []

    def end(self) -> None:
        """End it and all that it started, and mask secrets in its log."""
        process, self._process = self._process, None
        if process is None:
            return
        _shut(process)
        try:
            process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            _kill(process)
        with suppress(OSError):
            mask_file(self._log, self._hidden)

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-I", os.fspath(keeper.__file__), *self._words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._log.parent,
                    env=self._environ,
                    bufsize=0,
                    start_new_session=True,
                )
            self._hold(process)
        except OSError as error:
            raise BackgroundFailed(f"it cannot be started: {error.strerror}") from error
        return process

    def _hold(self, process: subprocess.Popen[bytes]) -> None:
        """Hold a keeper to its processors; one that cannot be is ended. Raises OSError."""
        try:
            if self._cpus:
                hold(process.pid, self._cpus)
        except BaseException:
            _kill(process)
            raise

    def _settle(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise self._death(process)
            time.sleep(LOOK_EVERY_S)

    def _said(self, word: str) -> float:
        """What the keeper answers: seconds of processor time so far. Raises BackgroundFailed."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BackgroundFailed("it was not started")
        answer = b""
        try:
            process.stdin.write(f"{word}\n".encode())
            deadline = time.monotonic() + ANSWER_S
            while not answer.endswith(b"\n"):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise BackgroundFailed(f"it did not obey within {ANSWER_S:g} s")
                if select.select([process.stdout], [], [], left_s)[0]:
                    heard = os.read(process.stdout.fileno(), 4096)
                    if not heard:
                        raise self._death(process)
                    answer += heard
        except BrokenPipeError:
            raise self._death(process) from None
        return float(answer)

    def _death(self, process: subprocess.Popen[bytes]) -> BackgroundFailed:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LEAVE_S)
        told = f"it ended with code {process.returncode}"
        with suppress(OSError):
            if lines := self._tail().strip().splitlines()[-2:]:
                told += "; its last words: " + " | ".join(line.strip() for line in lines)
        return BackgroundFailed(told)

    def _tail(self) -> str:
        """The end of the log, masked before it is cut. Raises OSError."""
        most = LOG_TAIL_BYTES + max(map(len, self._hidden), default=0)
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - most))
            return masked(log.read(), self._hidden)[-LOG_TAIL_BYTES:].decode("utf-8", "replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a keeper that does not leave, and all below it, whatever group they are in."""
    below: list[psutil.Process] = []
    with suppress(psutil.Error):
        below = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for each in below:
        with suppress(psutil.Error):
            each.kill()
    process.wait()
    _shut(process)


def _shut(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
