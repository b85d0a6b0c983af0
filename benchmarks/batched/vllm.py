"""vLLM: the plugin's engine asked by crossbench, and by vLLM's own throughput benchmark.

Both ask the same engine in the same process for the same prompts at once, drawn at a temperature of
1, as that benchmark has it.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.batched import LOOP, crowd
from benchmarks.batched.crowd import Load
from benchmarks.batched.figures import Repetition
from benchmarks.contestants import Worker
from benchmarks.engine import Engine
from benchmarks.tables import CROSSBENCH
from benchmarks.turns import prompts
from crossbench_vllm.options import VllmOptions

RIVAL = "vllm bench throughput"
JUDGED = "output"
FACTORY = "benchmarks.batched.vllm_loop:VllmThroughput"


@dataclass(frozen=True)
class Arena:
    """All that the repetitions share."""

    engine: Engine
    model: Path
    load: Load
    rounds: int
    folder: Path


def options(load: Load) -> VllmOptions:
    """As many requests at once as are asked; on a CPU the computing process has a core alone."""
    return VllmOptions(
        dtype="float32",
        enforce_eager=True,
        kv_cache_gib=0.25,
        max_num_seqs=load.streams,
        cpu_omp_threads_bind=str(max(os.sched_getaffinity(0))),
    )


def repetition(arena: Arena, number: int) -> Repetition:
    """A fresh engine, asked in turns (A B, B A), after a round of each that warms up."""
    load = arena.load
    drawn = prompts(number, load.prompt)
    took: dict[str, list[float]] = {CROSSBENCH: [], RIVAL: []}
    with closing(
        Worker(
            arena.engine,
            options(load),
            arena.model,
            load.context,
            arena.folder,
            FACTORY,
            streams=load.streams,
        )
    ) as worker:
        for place in range(1 + arena.rounds):
            given = list(islice(drawn, load.streams))
            for name in list(took) if place % 2 else list(took)[::-1]:
                took[name].append(_seconds(worker, name, given, load.output))
    tokens = load.streams * load.output
    return {name: {"output": tokens / median(times[1:])} for name, times in took.items()}


def _seconds(worker: Worker, name: str, given: list[list[int]], output: int) -> float:
    """From the first request to the last token."""
    if name == CROSSBENCH:
        return crowd.ask(worker, given, output, crowd.HOT).whole_s
    joined = [token for prompt in given for token in prompt]
    record = worker.record(joined, output, LOOP)
    assert record.finish is not None
    return record.finish.native["last_ns"] / 1e9
