"""Those that take turns: crossbench's worker, and an engine's own loop in a process of its own.

Both are long-lived processes with the same model loaded; each continues a prompt when asked and
waits otherwise, so that their turns can be interleaved.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import msgspec

from benchmarks.engine import Engine
from crossbench.api import ModelRef, Needs, Request
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Load, Measure, Measured, Ready, Record
from crossbench.worker.supervisor import WorkerProcess

ROOT = Path(__file__).parents[1]
SHORT_PROMPT = 16
"""Tokens before those whose decoding is timed."""
CLOSE_S = 60.0
LAST_LINES = 5


class Turn(NamedTuple):
    """What one contestant took, once."""

    prefill_ns: int
    """From the prompt being at hand to the first token."""
    decode_ns: int
    """From the first token to the last."""
    ids: tuple[int, ...]


class Task(NamedTuple):
    """What is asked of every contestant."""

    model: Path
    prompt: int
    """Tokens of the prompt whose prefill is timed."""
    output: int
    """Tokens produced after a short prompt, of which all but the first are timed."""

    @property
    def context(self) -> int:
        """Tokens the longer of the two requests needs."""
        return max(self.prompt + 2, SHORT_PROMPT + self.output)


class Contestant(Protocol):
    """A process that has the model loaded."""

    @property
    def build(self) -> str:
        """The versions of the engine it runs on."""
        ...

    @property
    def pid(self) -> int:
        """The process, which may have started others."""
        ...

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt from an empty cache."""
        ...


class Worker:
    """An engine through crossbench: the real worker with the real plugin."""

    def __init__(
        self,
        engine: Engine,
        options: msgspec.Struct,
        model: Path,
        context: int,
        folder: Path,
        factory: str | None = None,
        variables: Mapping[str, str] | None = None,
        streams: int = 1,
    ) -> None:
        """Start it and load the model for so many tokens; its log goes into the folder.

        `factory` names a backend of the benchmarks', which has plain loops beside the plugin.
        """
        spec = engine.spec
        inherited = environ(engine.environment)
        path = os.pathsep.join([inherited["PYTHONPATH"], str(ROOT)])
        self.process = WorkerProcess(
            python=engine.environment.python,
            environ={**inherited, "PYTHONPATH": path, **(variables or {})},
            log=folder / "worker.log",
            deadlines=Deadlines(),
        )
        self.pid = self.process.pid
        try:
            self.ready = self.process.ask(
                Load(
                    factory=factory or spec.factory,
                    options_type=spec.options,
                    options=msgspec.to_builtins(options),
                    model=ModelRef(path=str(model), name=model.stem),
                    needs=Needs(context_tokens=context, streams=streams),
                    distributions=spec.distributions,
                ),
                Ready,
            )
        except BaseException:  # an interrupt too must leave no worker behind
            self.process.kill()
            raise
        self.build = self.ready.loaded.engine_build.value or "unknown"

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt, stamped by the worker's driver."""
        record = self.record(prompt, output)
        first, last = record.stamps_ns[0], record.stamps_ns[-1]
        return Turn(first, last - first, record.token_ids or ())

    def record(self, prompt: Sequence[int], output: int, name: str = "turn") -> Record:
        """The driver's whole record of one request."""
        request = Request(id=name, prompt_ids=tuple(prompt), max_tokens=output)
        (record,) = self.process.ask(Measure(requests=(request,)), Measured).records
        assert record.failure is None, record.failure
        return record

    def close(self) -> None:
        """End the worker."""
        self.process.end()


class Plain:
    """A plain loop that runs in the worker, on what its plugin has loaded."""

    def __init__(self, worker: Worker, loop: str) -> None:
        self._worker = worker
        self._loop = loop
        self.pid = worker.pid
        self.build = worker.build

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt, stamped by the loop itself."""
        record = self._worker.record(prompt, output, self._loop)
        assert record.finish is not None
        first, last = (round(record.finish.native[name]) for name in ("first_ns", "last_ns"))
        return Turn(first, last - first, record.token_ids or ())


class LoopProcess:
    """A loop with a model loaded. It speaks lines of text; see `llamacpp/loop.c` for which.

    It loads while others start: its first line is awaited when it is first asked for anything.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """Start it; `log` takes all else that it and its engine print."""
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._build: str | None = None

    @property
    def build(self) -> str:
        """What the loop says it runs on, once its model is loaded."""
        if self._build is None:
            self._build = self._answer().strip()
        return self._build

    def run(self, mode: str, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt in one of the loop's modes."""
        assert self.build
        print(mode, output, *prompt, file=_open(self._process.stdin), flush=True)
        first, last, *ids = map(int, self._answer().split())
        return Turn(first, last - first, tuple(ids))

    def _answer(self) -> str:
        line = _open(self._process.stdout).readline()
        if not line:
            told = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            said = "\n".join(told)
            raise SystemExit(f"the loop ended with code {self._process.wait(CLOSE_S)}:\n{said}")
        return line

    def close(self) -> None:
        """End the loop and whatever it has started."""
        with suppress(BrokenPipeError):
            _open(self._process.stdin).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_S)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(CLOSE_S)
        _open(self._process.stdout).close()


class Loop:
    """One mode of a loop's process."""

    def __init__(self, process: LoopProcess, mode: str) -> None:
        self._process = process
        self._mode = mode
        self.pid = process.pid

    @property
    def build(self) -> str:
        """What its process runs on."""
        return self._process.build

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt."""
        return self._process.run(self._mode, prompt, output)


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
