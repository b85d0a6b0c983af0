"""llama.cpp: the plugin's sequences in one context, against llama-batched-bench.

Both compute the same: all prompts, then again and again one token of each sequence. The program
draws its tokens beforehand; crossbench chooses each from its logits.
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

from benchmarks.batched import crowd
from benchmarks.batched.crowd import Load, Round
from benchmarks.batched.figures import Rates, Repetition
from benchmarks.contestants import Worker
from benchmarks.engine import Engine
from benchmarks.tables import CROSSBENCH
from benchmarks.turns import prompts
from crossbench_llamacpp.options import LlamaCppOptions

RIVAL = "llama-batched-bench"
JUDGED = "output"


@dataclass(frozen=True)
class Arena:
    """All that the repetitions share."""

    engine: Engine
    program: Path
    """llama-batched-bench."""
    model: Path
    threads: int
    load: Load
    rounds: int
    folder: Path


def repetition(arena: Arena, number: int) -> Repetition:
    """One after the other in fresh processes, every second time in reverse order."""
    rivals = {CROSSBENCH: _crossbench, RIVAL: _program}
    order = list(rivals) if number % 2 else list(rivals)[::-1]
    found = {name: _rates(rivals[name](arena, number), arena.load) for name in order}
    return {name: found[name] for name in rivals}


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


def _crossbench(arena: Arena, number: int) -> list[Round]:
    load = arena.load
    options = LlamaCppOptions(threads=arena.threads)
    drawn = prompts(number, load.prompt)
    with closing(
        Worker(
            arena.engine,
            options,
            arena.model,
            load.context,
            arena.folder,
            streams=load.streams,
        )
    ) as worker:
        return [
            crowd.ask(worker, list(islice(drawn, load.streams)), load.output)
            for _ in range(1 + arena.rounds)
        ]


def _program(arena: Arena, _: int) -> list[Round]:
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
    return [Round(row["t_pp"], row["t_tg"]) for row in rows[:wanted]]


def _said(command: Sequence[object]) -> list[str]:
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{ran.stderr[-2000:]}")
    return ran.stdout.splitlines()
