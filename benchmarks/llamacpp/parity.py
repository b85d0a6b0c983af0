"""crossbench against a plain C loop on the same library, paired and interleaved.

    python -m benchmarks.llamacpp.parity random     ratios on a model of at least 5 ms a token
    python -m benchmarks.llamacpp.parity tiny       what crossbench adds to a token, in microseconds

A repetition starts a worker afresh, warms it up, and lets the plugin and the C loop take turns on
the context it has loaded and the same prompts, once forward and once in reverse (A B C, C B A).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import tables
from benchmarks.beside import LIBRARY
from benchmarks.contestants import Contestant, Loop, LoopProcess, Plain, Task, Worker
from benchmarks.engine import Engine
from benchmarks.llamacpp import compiling, model, targets
from benchmarks.llamacpp.contestants import llama_bench, loop_command
from benchmarks.llamacpp.engine import BACKEND
from benchmarks.tables import CROSSBENCH, Medians
from benchmarks.turns import Meter, check_same_tokens, take_turns
from crossbench_llamacpp.options import LlamaCppOptions

TINY = Path(__file__).parents[2] / "suites/models/tiny/tiny-f16.gguf"


class Case(NamedTuple):
    """How one model is measured by default."""

    prompt: int
    output: int
    passes: int


CASES = {"random": Case(256, 65, 3), "tiny": Case(256, 257, 4)}


@dataclass(frozen=True)
class Arena:
    """All that the repetitions share."""

    engine: Engine
    library: Path
    """The C loop, for the worker to load."""
    program: Path | None
    """The C loop, to run apart."""
    bare: bool
    """Whether the C loop also runs without choosing tokens."""
    llama_bench: Path | None
    task: Task
    options: LlamaCppOptions
    passes: int
    folder: Path


def repetition(arena: Arena, number: int, meter: Meter) -> tuple[str, Mapping[str, Medians]]:
    """One repetition in fresh processes: the library's build, and each contestant's medians."""
    with ExitStack() as open_processes:
        contestants = _start(arena, number, open_processes)
        builds = {one.build.split(", llama-cpp-python")[0] for one in contestants.values()}
        if len(builds) > 1:
            raise SystemExit(f"the contestants run on different libraries: {builds}")
        turns = take_turns(contestants, arena.task, number, arena.passes, meter)
    check_same_tokens(turns, (CROSSBENCH, targets.LOOP))
    if arena.llama_bench is not None:
        turns[targets.LLAMA_BENCH] = llama_bench(
            arena.llama_bench, arena.task, arena.options.threads or 1, 2 * arena.passes
        )
    rows = [name for name in targets.ORDER if name in turns]
    return builds.pop(), {name: Medians.of(turns[name], arena.task.output) for name in rows}


def _start(arena: Arena, number: int, stack: ExitStack) -> dict[str, Contestant]:
    """The contestants, in one order or the other."""
    task, options = arena.task, arena.options
    started: list[tuple[str, Contestant]] = []
    if arena.program is not None:
        command = loop_command(arena.program, task, options)
        process = LoopProcess(command, arena.folder / "loop.log")
        stack.callback(process.close)
        started.append((targets.APART, Loop(process, "argmax")))
    worker = Worker(
        arena.engine,
        options,
        task.model,
        task.context,
        arena.folder,
        factory="benchmarks.llamacpp.loaded:LlamaCppBeside",
        variables={LIBRARY: str(arena.library)},
    )
    stack.callback(worker.close)
    if arena.bare:
        started.append((targets.BARE, Plain(worker, "none")))
    started += [(targets.LOOP, Plain(worker, "argmax")), (CROSSBENCH, worker)]
    return dict(started if number % 2 else started[::-1])


def measure(arena: Arena, case: str, repetitions: int) -> str:
    """All repetitions, as markdown."""
    meter = Meter()
    measured = []
    build = ""
    load = os.getloadavg()[0]
    for number in range(repetitions):
        build, medians = repetition(arena, number, meter)
        measured.append(medians)
        print(f"{number + 1}/{repetitions}: {tables.line(medians)}", file=sys.stderr)
    task = arena.task
    facts = [
        f"{build}; {task.model.name} of {task.model.stat().st_size / 1e6:.0f} MB, "
        f"{arena.options.threads} thread(s), {task.prompt} prompt and {task.output} output tokens.",
        f"{repetitions} repetitions of {2 * arena.passes} turns each. Load average before "
        f"{load:.2f}, after {os.getloadavg()[0]:.2f}; {meter}.",
    ]
    verdicts = targets.OF_CASE[case](measured)
    return "\n".join([*facts, "", tables.markdown(measured, task, targets.PAIRS), "", *verdicts])


def main() -> None:
    """Measure one case and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--python", type=Path, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--llama-bench", type=Path, help="measure this llama-bench as well")
    parser.add_argument(
        "--bare", action="store_true", help="run the C loop without choosing tokens as well"
    )
    parser.add_argument(
        "--apart", action="store_true", help="run the C loop as a program of its own as well"
    )
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--passes", type=int, help="forward and reverse turns a repetition")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prompt", type=int, help="prompt tokens")
    parser.add_argument("--output", type=int, help="output tokens, at least 2")
    parser.add_argument("--layers", type=int, default=model.LAYERS, help="of the random model")
    chosen = parser.parse_args()
    case = CASES[chosen.case]
    with tempfile.TemporaryDirectory(prefix="crossbench-parity-") as name:
        folder = Path(name)
        engine = Engine.find(BACKEND, chosen.python)
        compiling.loop(engine, folder / "loop.so", "-shared", "-fPIC")
        compiling.loop(engine, folder / "loop")
        gguf = TINY
        if chosen.case == "random":
            gguf = folder / "random-f16.gguf"
            model.write(gguf, chosen.layers)
        arena = Arena(
            engine=engine,
            library=folder / "loop.so",
            bare=chosen.bare,
            program=folder / "loop" if chosen.apart else None,
            llama_bench=chosen.llama_bench and chosen.llama_bench.resolve(),
            task=Task(gguf.resolve(), chosen.prompt or case.prompt, chosen.output or case.output),
            options=LlamaCppOptions(threads=chosen.threads),
            passes=chosen.passes or case.passes,
            folder=folder,
        )
        print(measure(arena, chosen.case, chosen.repetitions))


if __name__ == "__main__":
    main()
