"""crossbench against a plain C loop on the same library, paired and interleaved.

    python -m benchmarks.llamacpp.parity random     ratios on a model of at least 5 ms a token
    python -m benchmarks.llamacpp.parity tiny       what crossbench adds to a token, in microseconds

A repetition starts both processes afresh, warms them up, and lets them take turns on the same
prompts, once forward and once in reverse (A B C, C B A), only one of them working at a time.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.llamacpp import compiling, model, tables, targets
from benchmarks.llamacpp.contestants import (
    SHORT_PROMPT,
    Contestant,
    Loop,
    LoopProcess,
    Shape,
    Turn,
    Worker,
    inside_python,
    llama_bench,
)
from benchmarks.llamacpp.engine import Engine
from benchmarks.llamacpp.tables import Medians

TINY = Path(__file__).parents[2] / "suites/models/tiny/tiny-f16.gguf"
SMALLEST_VOCABULARY = 2048
"""Prompts keep below it, so that they suit both models."""


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
    commands: Mapping[str, Sequence[str]]
    """Of the C loop's processes: "loop", and "inside" for the one that Python runs."""
    llama_bench: Path | None
    shape: Shape
    passes: int
    folder: Path


@dataclass
class Meter:
    """Watches that whoever waits its turn does not work."""

    waited_s: float = 0.0
    worked_s: float = 0.0

    def turn(self, one: Contestant, others: Sequence[int], prompt: list[int], output: int) -> Turn:
        """A prefill and a decode, while the others' processor time is counted."""
        began, before = time.perf_counter(), sum(map(_processor_s, others))
        turn = take_turn(one, prompt, output)
        self.worked_s += sum(map(_processor_s, others)) - before
        self.waited_s += time.perf_counter() - began
        return turn


def take_turn(one: Contestant, prompt: list[int], output: int) -> Turn:
    """The prefill of the prompt, then tokens after the beginning of it."""
    prefill = one.run(prompt, 2)
    decode = one.run(prompt[:SHORT_PROMPT], output)
    return Turn(prefill.prefill_ns, decode.decode_ns, prefill.ids + decode.ids)


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def prompts(number: int, length: int) -> Iterator[list[int]]:
    """Random prompts without end, others in every repetition."""
    draw = random.Random(number)
    while True:
        yield [draw.randrange(SMALLEST_VOCABULARY) for _ in range(length)]


def repetition(arena: Arena, number: int, meter: Meter) -> tuple[str, Mapping[str, Medians]]:
    """One repetition in fresh processes: the library's build, and each contestant's medians."""
    with ExitStack() as open_processes:
        contestants = _start(arena, number, open_processes)
        builds = {one.build.split(", llama-cpp-python")[0] for one in contestants.values()}
        if len(builds) > 1:
            raise SystemExit(f"the contestants run on different libraries: {builds}")
        turns = _take_turns(arena, number, contestants, meter)
    if arena.llama_bench is not None:
        turns[tables.LLAMA_BENCH] = llama_bench(arena.llama_bench, arena.shape, 2 * arena.passes)
    return builds.pop(), {
        name: Medians.of(each, arena.shape.output) for name, each in turns.items()
    }


def _start(arena: Arena, number: int, stack: ExitStack) -> dict[str, Contestant]:
    """The processes, started in one order or the other."""
    started: dict[str, Contestant] = {}
    whom = ["worker", *arena.commands]
    for which in whom if number % 2 else whom[::-1]:
        if which == "worker":
            worker = Worker(arena.engine.spec, arena.engine.environment, arena.shape, arena.folder)
            stack.callback(worker.close)
            started[tables.CROSSBENCH] = worker
            continue
        process = LoopProcess(arena.commands[which], arena.shape)
        stack.callback(process.close)
        if which == "inside":
            started[tables.INSIDE] = Loop(process, "argmax")
        else:
            started[tables.LOOP] = Loop(process, "argmax")
            started[tables.BARE] = Loop(process, "none")
    return started


def _take_turns(
    arena: Arena, number: int, contestants: Mapping[str, Contestant], meter: Meter
) -> dict[str, list[Turn]]:
    """A warm-up each, then the turns, in an order that cancels a steady drift."""
    shape, drawn = arena.shape, prompts(number, arena.shape.prompt)
    pids = {one.pid for one in contestants.values()}
    warm_up = next(drawn)
    for one in contestants.values():
        take_turn(one, warm_up, shape.output)
    turns: dict[str, list[Turn]] = {name: [] for name in contestants}
    names = list(contestants)
    for _ in range(arena.passes):
        for order in (names, names[::-1]):
            prompt = next(drawn)
            for name in order:
                one = contestants[name]
                turn = meter.turn(one, [*(pids - {one.pid})], prompt, shape.output)
                turns[name].append(turn)
        names = names[1:] + names[:1]
    for mine, theirs in zip(turns[tables.CROSSBENCH], turns[tables.LOOP], strict=True):
        if mine.ids != theirs.ids:
            raise SystemExit(f"different tokens: crossbench {mine.ids}, the C loop {theirs.ids}")
    return turns


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
    shape = arena.shape
    facts = [
        f"{build}; {shape.model.name} of {shape.model.stat().st_size / 1e6:.0f} MB, "
        f"{shape.threads} thread(s), {shape.prompt} prompt and {shape.output} output tokens.",
        f"{repetitions} repetitions of {2 * arena.passes} turns each. Load average before "
        f"{load:.2f}, after {os.getloadavg()[0]:.2f}; the process that waited its turn worked "
        f"{100 * meter.worked_s / meter.waited_s:.2f} % of the time.",
    ]
    verdicts = targets.OF_CASE[case](measured)
    return "\n".join([*facts, "", tables.markdown(measured, shape), "", *verdicts])


def main() -> None:
    """Measure one case and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--python", type=Path, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--llama-bench", type=Path, help="measure this llama-bench as well")
    parser.add_argument(
        "--inside-python", action="store_true", help="run the C loop in an interpreter as well"
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
        engine = Engine.find(chosen.python)
        commands = {"loop": [str(folder / "loop")]}
        compiling.loop(engine, folder / "loop")
        if chosen.inside_python:
            compiling.loop(engine, folder / "loop.so", "-shared", "-fPIC")
            commands["inside"] = inside_python(engine.environment.python, folder / "loop.so")
        gguf = TINY
        if chosen.case == "random":
            gguf = folder / "random-f16.gguf"
            model.write(gguf, chosen.layers)
        arena = Arena(
            engine=engine,
            commands=commands,
            llama_bench=chosen.llama_bench and chosen.llama_bench.resolve(),
            shape=Shape(
                gguf.resolve(),
                chosen.prompt or case.prompt,
                chosen.output or case.output,
                chosen.threads,
            ),
            passes=chosen.passes or case.passes,
            folder=folder,
        )
        print(measure(arena, chosen.case, chosen.repetitions))


if __name__ == "__main__":
    main()
