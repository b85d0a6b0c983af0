"""The host's side of one worker: start it, ask it, notice when it dies or hangs, and end it.

Nothing here waits without a bound. End of file is not taken for death, because a forked grandchild
may hold the pipe; and death is not taken for the end, because a grandchild may hold the device: the
whole process group is ended.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

from crossbench.secrets import mask_file, masked, secrets
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker import protocol, pulse
from crossbench.worker.failure import WorkerFailed, confessed, died, last_words, overdue
from crossbench.worker.group import inheritors, kill, members
from crossbench.worker.protocol import Closed, Command, Quit, Replies, Reply
from crossbench.worker.pulse import Beat, Phase

R = TypeVar("R", bound=Reply)
Stage: TypeAlias = Literal["quit", "terminated", "killed", "died"]

TICK_S = 0.1
STOPPED_NS = 1_000_000_000
"""A look this late means that the host itself was stopped; deadlines then begin anew."""
EXIT_S = 5.0
TERM_S = 5.0
GROUP_S = 5.0
LAUNCH = "CROSSBENCH_LAUNCH"
"""An environment variable that tells a worker's processes, also those that left its group."""
READ_BYTES = 1 << 20


class Ending(Struct, frozen=True, kw_only=True):
    """How a worker ended."""

    stage: Stage
    """"quit" when asked, "died" by itself, "terminated" or "killed" when it did not go."""
    exit_code: int | None
    """Negative for a signal; None when even SIGKILL did not end it."""
    left: tuple[str, ...] = ()
    """Command lines of processes that it had left behind outside of its group; they were ended."""


class WorkerProcess:
    """One worker in a session and process group of its own."""

    def __init__(
        self,
        *,
        python: Path,
        environ: Mapping[str, str],
        log: Path,
        deadlines: Deadlines,
    ) -> None:
        """Start it. `log` takes all that the engine prints; its folder is the working directory."""
        fd = pulse.shared()
        self._mark = uuid.uuid4().hex
        self._hidden = secrets(environ)
        try:
            self._process = self._spawned(python, environ, log, fd)
            self._pulse = pulse.Pulse(fd)
        except OSError as error:
            raise WorkerFailed(
                "startup", Phase.STARTING, f"cannot start {python}: {error}"
            ) from error
        finally:
            os.close(fd)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._log = log
        self._deadlines = deadlines
        self._replies = Replies(lambda body: masked(body, self._hidden))
        self._obeys = True
        self._hung = False

    def _spawned(
        self, python: Path, environ: Mapping[str, str], log: Path, fd: int
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            self.spawned_ns = time.perf_counter_ns()
            return subprocess.Popen(
                [os.fspath(python), "-P", "-m", "crossbench.worker", str(fd)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                cwd=log.parent,
                env={**environ, LAUNCH: self._mark},
                pass_fds=(fd,),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The worker's process id, which is also its group's."""
        return self._process.pid

    def ask(self, command: Command, kind: type[R], tick: Callable[[Beat], None] | None = None) -> R:
        """Send a command and wait for its reply; `tick` is called about ten times a second.

        Raises WorkerFailed when the worker says so, dies, passes a deadline, breaks the protocol
        or answers with another kind of reply.
        """
        steps = self.asking(command, kind, tick)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                reply: R = done.value
                return reply

    def asking(
        self,
        command: Command,
        kind: type[R],
        tick: Callable[[Beat], None] | None = None,
        wait_s: float = TICK_S,
    ) -> Generator[None, None, R]:
        """`ask` in steps of at most `wait_s` each, for one who waits for several workers at once.

        A worker whose steps are given up is not asked again: it is ended without waiting for it.
        """
        try:
            reply = yield from self._reply(command, tick, wait_s)
        except GeneratorExit:
            self._obeys, self._hung = False, True
            raise
        if isinstance(reply, protocol.Failed):
            self._obeys = False
            with suppress(OSError), self._log.open("a", encoding="utf-8") as log:
                log.write(reply.traceback)
            raise confessed(reply)
        if not isinstance(reply, kind):
            self._obeys = False
            told = f"it answered {type(reply).__name__} where {kind.__name__} was due"
            raise WorkerFailed("error", self._pulse.read().phase, told)
        return reply

    def beat(self) -> Beat:
        """What the worker is doing now."""
        return self._pulse.read()

    def _reply(
        self, command: Command, tick: Callable[[Beat], None] | None, wait_s: float
    ) -> Generator[None, None, Reply]:
        if not self._obeys:
            raise WorkerFailed("error", self._pulse.read().phase, "the worker no longer answers")
        asked_ns = looked_ns = time.perf_counter_ns()
        try:
            outbox = memoryview(protocol.frame(command))
            while (reply := self._replies.next()) is None:
                alive = self._process.poll() is None
                outbox, heard = self._exchange(outbox, wait_s if alive else 0.0)
                beat = self._pulse.read()
                if not alive and not heard:
                    said = last_words(self._log, self._hidden)
                    raise died(self._process.returncode, beat.phase, said)
                now_ns = time.perf_counter_ns()
                if now_ns - looked_ns > STOPPED_NS:
                    asked_ns = now_ns
                looked_ns = now_ns
                late = overdue(beat, asked_ns, self._deadlines) if alive and not heard else None
                if late is not None:
                    self._obeys, self._hung = False, True
                    raise late
                if tick is not None:
                    tick(beat)
                yield
        except protocol.ProtocolError as error:
            self._obeys, self._hung = False, True
            raise WorkerFailed("error", self._pulse.read().phase, f"protocol: {error}") from error
        return reply

    def _exchange(self, outbox: memoryview, wait_s: float) -> tuple[memoryview, bool]:
        """Write what the pipe takes, read what it holds: what is left to write, and if any came."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            if outbox:
                selector.register(self._to, selectors.EVENT_WRITE)
            ready = {key.fd for key, _ in selector.select(wait_s)}
        if self._to in ready:
            try:
                outbox = outbox[os.write(self._to, outbox) :]
            except BrokenPipeError:
                outbox = outbox[:0]
        if self._from not in ready:
            return outbox, False
        with suppress(BlockingIOError):
            if data := os.read(self._from, READ_BYTES):
                self._replies.feed(data)
                return outbox, True
        time.sleep(TICK_S if self._process.poll() is None else 0)
        return outbox, False

    def end(self) -> Ending:
        """End the worker in stages (quit, SIGTERM, SIGKILL) and its whole group; always returns."""
        return self._bury(self._leave())

    def kill(self) -> Ending:
        """End the worker and its group at once, without asking it to close its engine."""
        return self._bury("killed")

    def _bury(self, stage: Stage) -> Ending:
        self._signal(signal.SIGKILL)
        self._gone_within(EXIT_S)
        self._await_empty_group()
        left = inheritors(LAUNCH, self._mark)
        for pid in left:
            kill(pid)
        with suppress(OSError):
            mask_file(self._log, self._hidden)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._pulse.close()
        named = (masked(line.encode(), self._hidden).decode() for line in left.values())
        return Ending(stage=stage, exit_code=self._process.returncode, left=tuple(sorted(named)))

    def _leave(self) -> Stage:
        """How far the worker had to be pushed to go."""
        if self._process.poll() is not None:
            return "died"
        patience_s = self._deadlines.close_s
        if self._obeys:
            patience_s = EXIT_S
            with suppress(WorkerFailed):
                self.ask(Quit(), Closed)
        if not self._hung and self._gone_within(patience_s):
            return "quit"
        self._signal(signal.SIGTERM)
        return "terminated" if self._gone_within(TERM_S) else "killed"

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group, which may have members after the worker itself is gone."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _await_empty_group(self) -> None:
        """Until the kernel has taken the group's last member away, or some seconds have passed."""
        deadline = time.monotonic() + GROUP_S
        while members(self._process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _gone_within(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False
