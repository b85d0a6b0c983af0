"""The host's side of sampling: a process that reads probes for as long as a run lasts.

Nothing it does can cost a sample: it is waited for only before the first worker and after the last,
within bounds, and what it cannot be told at once is not told.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from types import TracebackType
from typing import Protocol, TypeVar

from crossbench.api import ProbeSpec
from crossbench.machine.telemetry import TELEMETRY, Closed, Opened, Seen, read

E = TypeVar("E", Opened, Seen)
INTERVAL_S = 1.0
PATIENCE_S = 3.0
"""What a driver's call may take when sampling ends."""
OPENING_S = 5.0
"""What probes may take to find out what they can read, and the facts of a machine to be read."""
IDLE_S = 12.0
"""How long a machine that tells its energy is left alone first: what it draws idle is taken off."""
LOOK_EVERY_S = 0.02


class Recording(Protocol):
    """What a run tells of itself to whoever reads probes meanwhile."""

    @property
    def energy(self) -> bool:
        """Whether some probe tells energy; known once it has settled."""
        ...

    def settle(self, told: Callable[[float], None]) -> None:
        """Before each worker: have the machine's facts read. Before the first one, wait until
        probes are read, and energy idle."""
        ...

    def watch(self, pid: int, launch: str, others: Sequence[int] = ()) -> None:
        """From now on the trees of these processes are read too, together, for this launch."""
        ...

    def look(self) -> None:
        """Read now, whenever the next reading is due."""
        ...

    def rest(self) -> None:
        """No process is watched any more."""
        ...


class Unrecorded:
    """Nobody reads."""

    energy = False

    def settle(self, told: Callable[[float], None]) -> None:
        """There is nothing to wait for."""

    def watch(self, pid: int, launch: str, others: Sequence[int] = ()) -> None:
        """Nothing is watched."""

    def look(self) -> None:
        """Nothing is read."""

    def rest(self) -> None:
        """Nothing was watched."""


class Recorder:
    """Sampling into a run's folder, from `with` to its end. Its failure costs telemetry only."""

    def __init__(
        self, folder: Path, probes: Iterable[ProbeSpec], interval_s: float = INTERVAL_S
    ) -> None:
        """Start it. Raises OSError where no process can be started."""
        self._folder = folder
        self._settled = self._energy = False
        self._owed: Callable[[], object] | None = None
        """Looks for what it was asked for and has not written so far."""
        command = [sys.executable, "-P", "-m", "crossbench.machine.sampler"]
        named = [f"{probe.name}={probe.factory}" for probe in probes]
        file = folder / TELEMETRY
        self._start = file.stat().st_size if file.exists() else 0
        self._process = Popen(
            [*command, str(os.getpid()), str(file), str(interval_s), *named],
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a Ctrl-C is the host's to handle
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    @property
    def pid(self) -> int:
        """The process that reads."""
        return self._process.pid

    @property
    def energy(self) -> bool:
        """Whether some probe tells energy; known once it has settled."""
        return self._energy

    def settle(self, told: Callable[[float], None]) -> None:
        """Have the machine's facts written down, at most for 5 s.

        One that has not answered so far, as where a driver hangs, is asked again once it has, and
        not waited for until then. Once: wait until it reads, at most 5 s; where it reads energy,
        leave the machine idle. `told` hears about once a second for how long it idles so far.
        """
        if not self._settled:
            self._settled = True
            self._begin(told)
        if self._owed is not None and self._owed() is not None:
            self._owed = None
        if self._owed is None:
            asked = (self._folder / TELEMETRY).stat().st_size
            self._say("see")
            self._await(Seen, asked)

    def _begin(self, told: Callable[[float], None]) -> None:
        opened = self._await(Opened, self._start)
        self._energy = opened is not None and any(each.scope for each in opened.channels)
        if not self._energy:
            return
        began = time.monotonic()
        while (idle := time.monotonic() - began) < IDLE_S:
            told(idle)
            time.sleep(min(1.0, IDLE_S - idle))

    def watch(self, pid: int, launch: str, others: Sequence[int] = ()) -> None:
        """From now on the trees of these processes are read too, together, for this launch."""
        self._say(f"watch {','.join(map(str, (pid, *others)))} {launch}")

    def look(self) -> None:
        """Read now, whenever the next reading is due."""
        self._say("look")

    def rest(self) -> None:
        """No process is watched any more."""
        self._say("rest")

    def close(self) -> Closed | None:
        """End it; what it took of the machine, or None where it did not end by itself."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        if not self._gone_within(PATIENCE_S):
            self._process.send_signal(signal.SIGKILL)
            self._gone_within(PATIENCE_S)  # a call of a driver may hold even a killed process
            return None
        ended = [event for event in read(self._folder, self._start) if isinstance(event, Closed)]
        return ended[-1] if ended else None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _await(self, kind: type[E], start: int) -> E | None:
        """The next event of that kind from that byte of the file on; owed, where it is late."""
        deadline = time.monotonic() + OPENING_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if (found := _next(self._folder, kind, start)) is not None:
                return found
            time.sleep(LOOK_EVERY_S)
        self._owed = partial(_next, self._folder, kind, start)
        return None

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has died, or hangs: the run goes on without telemetry
            self._process.stdin.write(f"{command}\n".encode())

    def _gone_within(self, seconds: float) -> bool:
        with suppress(TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False


def _next(folder: Path, kind: type[E], start: int) -> E | None:
    """The first event of that kind from that byte of the file on."""
    return next((each for each in read(folder, start) if isinstance(each, kind)), None)


@contextmanager
def recording(folder: Path, probes: Iterable[ProbeSpec]) -> Iterator[Recording]:
    """Sampling with these probes into a run's folder; without any, or any process, nobody reads."""
    named = tuple(probes)
    recorder: Recorder | None = None
    with suppress(OSError):
        recorder = Recorder(folder, named) if named else None
    if recorder is None:
        yield Unrecorded()
        return
    with recorder:
        yield recorder
