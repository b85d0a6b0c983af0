"""What reading the machine costs a decode: the same launch with probes on and off, in turns.

    python -m benchmarks.probing --python PYTHON [--launches 20]

Each launch starts llama.cpp afresh on random weights, on all cores, so that no core is left over
for the probes, and decodes with a sampler beside it and without, A B B A. Two launches differ by
the luck of where their weights lie, by more than what is looked for here; within one they do not.
PYTHON is an interpreter that has llama-cpp-python; without it the one crossbench has built serves.
Needs a quiet machine, and half a minute a launch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

import crossbench
from benchmarks.contestants import SHORT_PROMPT, Task, Worker
from benchmarks.engine import Engine
from benchmarks.llamacpp import model
from benchmarks.llamacpp.engine import BACKEND
from benchmarks.on_off import Found, told
from benchmarks.turns import prompts
from crossbench.machine import facts
from crossbench.machine.recorder import INTERVAL_S, Recorder
from crossbench.machine.redaction import redacted
from crossbench.registry import Registry
from crossbench.report.machine import sections
from crossbench_llamacpp.options import LlamaCppOptions

ORDER = (True, False, False, True)


def launch(engine: Engine, task: Task, threads: int, passes: int, number: int) -> Found:
    """One worker, warmed up, and its turns; every second launch begins without probes."""
    drawn = prompts(number, SHORT_PROMPT)
    times: dict[bool, list[int]] = {True: [], False: []}
    shares: list[float] = []
    with tempfile.TemporaryDirectory(prefix="crossbench-probing-") as name, ExitStack() as stack:
        folder = Path(name)
        worker = Worker(engine, LlamaCppOptions(threads=threads), task.model, task.context, folder)
        stack.callback(worker.close)
        worker.run(next(drawn), task.output)
        for turn in range(passes * len(ORDER)):
            probing = ORDER[turn % len(ORDER)] is (number % 2 == 0)
            prompt = next(drawn)
            if not probing:
                times[False].append(worker.run(prompt, task.output).decode_ns)
                continue
            with Recorder(folder, Registry().probes()) as recorder:
                recorder.settle(lambda _: None)
                recorder.watch(worker.pid, f"launch-{number}")
                times[True].append(worker.run(prompt, task.output).decode_ns)
                recorder.rest()
                if (closed := recorder.close()) is not None:
                    shares.append(closed.share)
    if not shares:
        raise SystemExit("no sampler ended by itself, so none is known to have sampled")
    on, off = ((task.output - 1) * 1e9 / fmean(times[probing]) for probing in (True, False))
    return Found(on, off, fmean(shares))


def conditions(engine: Engine, task: Task, threads: int, passes: int) -> str:
    """What it was measured on, and of what, without what tells this machine from its like."""
    machine = next(sections(redacted(facts.observe())))
    rows = [f"- {label}: {text}" for label, text in machine.rows]
    rows += [
        f"- crossbench {crossbench.__version__}, llama.cpp by {engine.environment.how}, "
        f"{task.model.name} of {task.model.stat().st_size / 1e6:.0f} MB, {threads} thread(s), "
        f"{task.output} output tokens, {2 * passes} turns with probes and {2 * passes} without",
        f"- read every {INTERVAL_S:g} s: {', '.join(each.name for each in Registry().probes())}",
        f"- load average before: {os.getloadavg()[0]:.2f}",
    ]
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--launches", type=int, default=20)
    parser.add_argument("--passes", type=int, default=1, help="times on, off, off, on a launch")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=int, default=257, help="output tokens of a turn")
    parser.add_argument("--layers", type=int, default=model.LAYERS, help="of the random model")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossbench-probing-") as name:
        path = Path(name) / "random-f16.gguf"
        model.write(path, asked.layers)
        engine = Engine.find(BACKEND, asked.python)
        task = Task(path, SHORT_PROMPT, asked.output)
        print(conditions(engine, task, asked.threads, asked.passes), flush=True)
        launches: list[Found] = []
        for number in range(asked.launches):
            launches.append(launch(engine, task, asked.threads, asked.passes, number))
            last = launches[-1]
            said = f"{last.on_tps:.3f} on, {last.off_tps:.3f} off, ratio {last.ratio:.4f}"
            print(f"{number + 1}/{asked.launches}: {said}", file=sys.stderr, flush=True)
    print(f"\n{told(launches)}")


if __name__ == "__main__":
    main()
