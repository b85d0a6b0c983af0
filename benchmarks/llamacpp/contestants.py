"""Those that are compared: crossbench's worker, the C loop, and llama-bench.

Worker and loop are long-lived processes with the same model loaded; each continues a prompt when
asked and waits otherwise, so that their turns can be interleaved.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from crossbench.api import BackendSpec, ModelRef, Needs, Request
from crossbench.envs.environment import Environment
from crossbench.launch import environ
from crossbench.suite.schema import Deadlines
from crossbench.worker.protocol import Load, Measure, Measured, Ready
from crossbench.worker.supervisor import WorkerProcess
from crossbench_llamacpp.options import LlamaCppOptions

Mode: TypeAlias = Literal["argmax", "none"]
SHORT_PROMPT = 16
"""Tokens before those whose decoding is timed."""


class Shape(NamedTuple):
    """What is asked of every contestant."""

    model: Path
    prompt: int
    """Tokens of the prompt whose prefill is timed."""
    output: int
    """Tokens produced after a short prompt, of which all but the first are timed."""
    threads: int

    @property
    def context(self) -> int:
        """Tokens the longer of the two requests needs."""
        return max(self.prompt + 2, SHORT_PROMPT + self.output)

    @property
    def options(self) -> LlamaCppOptions:
        """The plugin's defaults, but for the threads."""
        return LlamaCppOptions(threads=self.threads)


class Turn(NamedTuple):
    """What one contestant took, once."""

    prefill_ns: int
    """From the prompt being at hand to the first token."""
    decode_ns: int
    """From the first token to the last."""
    ids: tuple[int, ...]


class Contestant(Protocol):
    """A process that has the model loaded."""

    build: str
    """The versions of llama.cpp and ggml it runs on, and their commit."""
    pid: int

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt from an empty cache."""
        ...


class Worker:
    """llama.cpp through crossbench: the real worker with the real plugin."""

    def __init__(
        self, spec: BackendSpec, environment: Environment, shape: Shape, folder: Path
    ) -> None:
        self._process = WorkerProcess(
            python=environment.python,
            environ=environ(environment),
            log=folder / "worker.log",
            deadlines=Deadlines(),
        )
        self.pid = self._process.pid
        ready = self._process.ask(
            Load(
                factory=spec.factory,
                options_type=spec.options,
                options=msgspec.to_builtins(shape.options),
                model=ModelRef(path=str(shape.model), name=shape.model.stem),
                needs=Needs(context_tokens=shape.context),
                distributions=spec.distributions,
            ),
            Ready,
        )
        self.build = ready.loaded.engine_build.value or "unknown"

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt, stamped by the worker's driver."""
        request = Request(id="turn", prompt_ids=tuple(prompt), max_tokens=output)
        measured = self._process.ask(Measure(requests=(request,)), Measured)
        (record,) = measured.records
        assert record.failure is None, record.failure
        first, last = record.stamps_ns[0], record.stamps_ns[-1]
        return Turn(first, last - first, record.token_ids or ())

    def close(self) -> None:
        """End the worker."""
        self._process.end()


class LoopProcess:
    """The compiled C loop with a model loaded; see `loop.c` for what it reads and writes."""

    def __init__(self, command: Sequence[str], shape: Shape) -> None:
        options = shape.options
        self._process = subprocess.Popen(
            [
                *command,
                str(shape.model),
                str(shape.context),
                str(options.n_batch),
                str(options.n_ubatch),
                str(shape.threads),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.build = self._answer().strip()

    def run(self, mode: Mode, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt, greedily or at random."""
        print(mode, output, *prompt, file=_open(self._process.stdin), flush=True)
        first, last, *ids = map(int, self._answer().split())
        return Turn(first, last - first, tuple(ids))

    def _answer(self) -> str:
        line = _open(self._process.stdout).readline()
        if not line:
            raise SystemExit(f"the C loop ended with code {self._process.wait()}")
        return line

    def close(self) -> None:
        """End the loop, which it does at the end of its input."""
        _open(self._process.stdin).close()
        self._process.wait(60)
        _open(self._process.stdout).close()


class Loop:
    """One mode of a C loop."""

    def __init__(self, process: LoopProcess, mode: Mode) -> None:
        self._process = process
        self._mode: Mode = mode
        self.pid = process.pid
        self.build = process.build

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        """Continue the prompt."""
        return self._process.run(self._mode, prompt, output)


def inside_python(python: Path, library: Path) -> list[str]:
    """The command of the C loop, as a shared library, in an interpreter that imports the engine."""
    code = (
        "import ctypes, sys, numpy, llama_cpp; "
        "arguments = [each.encode() for each in sys.argv[1:]]; "
        "ctypes.CDLL(arguments[0]).main(len(arguments), "
        "(ctypes.c_char_p * (len(arguments) + 1))(*arguments, None))"
    )
    return [str(python), "-c", code, str(library)]


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def llama_bench(program: Path, shape: Shape, turns: int) -> list[Turn]:
    """llama-bench's own figures of the same shape, after its own warm-up.

    It generates one token less than the others, whose first one belongs to the prefill.
    """
    later = shape.output - 1
    prefill = _llama_bench(program, shape, turns, "-p", shape.prompt, "-n", 0)
    decode = _llama_bench(program, shape, turns, "-p", 0, "-n", later, "-d", SHORT_PROMPT)
    return [Turn(*pair, ()) for pair in zip(prefill, decode, strict=True)]


def _llama_bench(program: Path, shape: Shape, turns: int, *test: str | int) -> list[int]:
    options = ["-m", shape.model, "-t", shape.threads, "-r", turns, "-o", "json", *test]
    ran = subprocess.run([program, *map(str, options)], capture_output=True, text=True, check=True)
    (result,) = json.loads(ran.stdout)
    return [int(sample) for sample in result["samples_ns"]]
