"""crossbench against an engine's own loop on the same loaded model, paired and interleaved.

    python -m benchmarks.engines.parity mlx      against mlx-lm's loop and mlx_lm.benchmark
    python -m benchmarks.engines.parity vllm     against AsyncLLM.generate

measures two cases: `random`, ratios on a model of at least 5 ms a token, and `tiny`, what
crossbench adds to a token of the tiny model, in microseconds. A repetition starts a worker afresh,
warms it up, and lets the plugin and the engine's loops take turns in it on the same prompts, once
forward and once in reverse (A B C, C B A), one at a time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.contestants import Contestant, Plain, Task, Worker
from benchmarks.engine import Engine
from benchmarks.engines import model
from benchmarks.engines.rivals import ONE_THREAD, Contest, contest, facts
from benchmarks.tables import CROSSBENCH, Medians, Repetitions
from benchmarks.turns import Meter, check_same_tokens, take_turns

CASES = ("random", "tiny")


@dataclass(frozen=True)
class Arena:
    """All that the repetitions of one case share."""

    engine: Engine
    contest: Contest
    task: Task
    passes: int
    folder: Path


def repetition(arena: Arena, number: int, meter: Meter) -> tuple[str, Mapping[str, Medians]]:
    """One repetition in a fresh worker: what it runs on, and each contestant's medians."""
    task, chosen = arena.task, arena.contest
    with closing(
        Worker(arena.engine, chosen.options, task.model, task.context, arena.folder, chosen.factory)
    ) as worker:
        rivals = {rival.name: Plain(worker, rival.loop) for rival in chosen.rivals}
        own: dict[str, Contestant] = {CROSSBENCH: worker}
        contestants = {**own, **rivals} if number % 2 else {**rivals, **own}
        turns = take_turns(contestants, task, number, arena.passes, meter)
    check_same_tokens(turns, list(turns))
    rows = [CROSSBENCH, *rivals]
    return worker.build, {name: Medians.of(turns[name], task.output) for name in rows}


def measure(arena: Arena, case: str, repetitions: int) -> str:
    """All repetitions of one case, as markdown."""
    meter, measured = Meter(), []
    build = ""
    load, began = os.getloadavg()[0], time.monotonic()
    for number in range(repetitions):
        build, medians = repetition(arena, number, meter)
        measured.append(medians)
        print(f"{case} {number + 1}/{repetitions}: {tables.line(medians)}", file=sys.stderr)
    task, settings = arena.task, facts(arena.contest.options)
    weights = (task.model / "model.safetensors").stat().st_size
    pairs = [(CROSSBENCH, rival.name) for rival in arena.contest.rivals]
    return "\n".join(
        [
            f"### {arena.engine.spec.name}, {case}",
            "",
            f"{build}; {weights / 1e6:.0f} MB of f16 weights, one thread, "
            f"{', '.join(f'{name} = {value}' for name, value in settings.items())}; "
            f"{task.prompt} prompt and {task.output} output tokens.",
            f"{repetitions} repetitions of {2 * arena.passes} turns each, in "
            f"{(time.monotonic() - began) / 60:.1f} minutes. Load average before {load:.2f}, after "
            f"{os.getloadavg()[0]:.2f}; {meter}.",
            "",
            tables.markdown(measured, task, pairs),
            "",
            *verdicts(arena.contest, case, measured),
            "",
        ]
    )


def verdicts(chosen: Contest, case: str, measured: Repetitions) -> list[str]:
    """What the figures are held against, or for the tiny model what they say."""
    names = [rival.name for rival in chosen.rivals]
    if case == "random":
        return [
            tables.slow_enough(measured, names[0]),
            *(tables.decode_verdict(measured, name) for name in names),
        ]
    added = tables.added_s(measured, (CROSSBENCH, names[0]), 1)
    return [f"- crossbench adds {tables.scaled(added, 1e6, 1)} us to a token of {names[0]}"]


def main() -> None:
    """Measure one engine and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", choices=["mlx", "vllm"])
    parser.add_argument("--case", choices=[*CASES, "both"], default="both")
    parser.add_argument("--python", type=Path, help="an interpreter that has the engine")
    parser.add_argument("--repetitions", type=int, help="fresh workers, at least 2")
    parser.add_argument("--passes", type=int, help="forward and reverse turns a repetition")
    parser.add_argument("--prompt", type=int, help="prompt tokens")
    parser.add_argument("--output", type=int, help="output tokens, at least 2")
    parser.add_argument("--layers", type=int, help="of the random model")
    chosen = parser.parse_args()
    os.environ |= ONE_THREAD
    engine = Engine.find(chosen.engine, chosen.python)
    rivals = contest(chosen.engine)
    with tempfile.TemporaryDirectory(prefix="crossbench-parity-") as name:
        folder = Path(name)
        for case, usual in rivals.cases.items():
            if chosen.case not in (case, "both"):
                continue
            path = model.TINY
            if case == "random":
                path = model.write(folder / "random", chosen.layers or rivals.layers)
            task = Task(path, chosen.prompt or usual.prompt, chosen.output or usual.output)
            arena = Arena(engine, rivals, task, chosen.passes or usual.passes, folder)
            print(measure(arena, case, chosen.repetitions or usual.repetitions), flush=True)


if __name__ == "__main__":
    main()
