"""llama.cpp: the plugin's sequences in one context, against the same calls without crossbench.

Beside it in the worker, on the context that the plugin has made, runs a C loop (`loop.c`); in a
process of its own, llama-batched-bench. All compute the same: all prompts, then again and again one
token of each sequence. The other two draw their tokens beforehand; crossbench chooses each from its
logits.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.batched import LOOP, crowd
from benchmarks.batched.crowd import Load, Round
from benchmarks.batched.figures import Rates, Repetition
from benchmarks.beside import LIBRARY
from benchmarks.contestants import Worker
from benchmarks.engine import Engine
from benchmarks.tables import CROSSBENCH
from benchmarks.turns import prompts
from crossbench_llamacpp.options import LlamaCppOptions

BESIDE = "C loop beside it"
PROGRAM = "llama-batched-bench"
JUDGED = "output"
FACTORY = "benchmarks.batched.llamacpp_loop:LlamaCppBatched"


@dataclass(frozen=True)
class Arena:
    """All that the repetitions share."""

    engine: Engine
    library: Path
    """The C loop."""
    program: Path | None
    """llama-batched-bench, where it takes part."""
    model: Path
    threads: int
    load: Load
    rounds: int
    folder: Path


def rivals(arena: Arena) -> list[str]:
    """Those that crossbench is held against."""
    return [BESIDE] if arena.program is None else [BESIDE, PROGRAM]


def repetition(arena: Arena, number: int) -> Repetition:
    """Fresh processes, the worker's and the program's, every second time in reverse order."""
    processes = [_in_worker] if arena.program is None else [_in_worker, _apart]
    found: dict[str, Rates] = {}
    for take in processes if number % 2 else processes[::-1]:
        for name, rounds in take(arena, number).items():
            found[name] = _rates(rounds, arena.load)
    return {name: found[name] for name in (CROSSBENCH, *rivals(arena))}


def _rates(rounds: Iterable[Round], load: Load) -> Rates:
    """Medians over all rounds but the first, which warms up."""
    _, *counted = rounds
    prompt = load.streams * load.prompt
    # The first token of each belongs to its prompt.
    output = load.streams * (load.output - 1)
    return {
        "prompt": prompt / median(each.prompt_s for each in counted),
        "output": output / median(each.output_s for each in counted),
        "both": (prompt + output) / median(each.whole_s for each in counted),
    }


def _in_worker(arena: Arena, number: int) -> dict[str, list[Round]]:
    """crossbench and the loop in turns (A B, B A) on one loaded model."""
    load = arena.load
    drawn = prompts(number, load.prompt)
    took: dict[str, list[Round]] = {CROSSBENCH: [], BESIDE: []}
    with closing(
        Worker(
            arena.engine,
            LlamaCppOptions(threads=arena.threads),
            arena.model,
            load.context,
            arena.folder,
            FACTORY,
            variables={LIBRARY: str(arena.library)},
            streams=load.streams,
        )
    ) as worker:
        for place in range(1 + arena.rounds):
            given = list(islice(drawn, load.streams))
            for name in list(took) if place % 2 else list(took)[::-1]:
                ask = crowd.ask if name == CROSSBENCH else _loop
                took[name].append(ask(worker, given, load.output))
    return took


def _loop(worker: Worker, given: Sequence[Sequence[int]], output: int) -> Round:
    joined = [token for prompt in given for token in prompt]
    finish = worker.record(joined, output, LOOP).finish
    assert finish is not None
    first, last = (finish.native[name] / 1e9 for name in ("first_ns", "last_ns"))
    return Round(first, last - first)


def _apart(arena: Arena, _: int) -> dict[str, list[Round]]:
    load = arena.load
    wanted = 1 + arena.rounds
    # One to spare: the program may end before its last line is printed.
    lengths = ",".join([str(load.prompt)] * (1 + wanted))
    context = load.streams * load.context
    threads = arena.threads
    command: list[object] = [
        arena.program,
        "-m",
        arena.model,
        "-c",
        context,
        "-t",
        threads,
        "-tb",
        threads,
    ]
    command += ["-npp", lengths, "-ntg", load.output - 1, "-npl", load.streams]
    told = _said([*command, "--output-format", "jsonl"])
    rows = [json.loads(line) for line in told if line.startswith("{")]
    if len(rows) < wanted:
        raise SystemExit(f"{arena.program} told {len(rows)} rounds of {1 + wanted}")
    return {PROGRAM: [Round(row["t_pp"], row["t_tg"]) for row in rows[:wanted]]}


def _said(command: Sequence[object]) -> list[str]:
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{ran.stderr[-2000:]}")
    return ran.stdout.splitlines()
