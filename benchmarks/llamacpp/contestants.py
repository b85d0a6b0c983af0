"""llama.cpp's own contestants: how the C loop is started, and what llama-bench says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contestants import SHORT_PROMPT, Task, Turn
from crossbench_llamacpp.options import LlamaCppOptions


def loop_command(program: Path, task: Task, options: LlamaCppOptions) -> list[str]:
    """The C loop's arguments; see `loop.c`."""
    numbers = (task.context, options.n_batch, options.n_ubatch, options.threads)
    return [str(program), str(task.model), *map(str, numbers)]


def llama_bench(program: Path, task: Task, threads: int, turns: int) -> list[Turn]:
    """llama-bench's own figures of the same task, after its own warm-up.

    It generates one token less than the others, whose first one belongs to the prefill.
    """
    command = [program, "-m", task.model, "-t", threads, "-r", turns, "-o", "json"]
    later = task.output - 1
    prefill = _samples_ns([*command, "-p", task.prompt, "-n", 0])
    decode = _samples_ns([*command, "-p", 0, "-n", later, "-d", SHORT_PROMPT])
    return [Turn(*pair, ()) for pair in zip(prefill, decode, strict=True)]


def _samples_ns(command: Sequence[object]) -> list[int]:
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    (result,) = json.loads(ran.stdout)
    return [int(sample) for sample in result["samples_ns"]]
