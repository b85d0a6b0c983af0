"""What reading the machine costs a decode: the same launch with probes on and off, in turns.

    python -m benchmarks.probing --python PYTHON [--launches 20]

Each launch starts llama.cpp afresh on random weights, on all cores, so that no core is left over
for the probes, and decodes with a sampler beside it and without, A B B A: the sampler is stopped
and goes on by a signal, so that turns can be short and what drifts hits both alike. Two launches
differ by the luck of where their weights lie, by more than what is looked for here; within one they
do not. PYTHON is an interpreter that has llama-cpp-python; without it the one crossbench has built
serves. Needs a quiet machine, and half a minute a launch.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import crossbench
from benchmarks.contestants import SHORT_PROMPT, Task, Worker
from benchmarks.engine import Engine
from benchmarks.llamacpp import model
from benchmarks.llamacpp.engine import BACKEND
from benchmarks.on_off import Found, told
from benchmarks.turns import prompts
from crossbench.machine import facts, telemetry
from crossbench.machine.recorder import INTERVAL_S, Recorder
from crossbench.machine.redaction import redacted
from crossbench.machine.telemetry import Tick
from crossbench.registry import Registry
from crossbench.report.machine import sections
from crossbench.worker.protocol import Record
from crossbench_llamacpp.options import LlamaCppOptions

ORDER = (True, False, False, True)
SETTLES_S = 0.03
"""Longer than what is overdue takes to be read: it falls before a turn, which has one a second."""


class Sampling:
    """A sampler beside a worker, that is stopped and goes on as it is told."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._since = time.perf_counter()
        self.seconds = 0.0
        """How long it went, its first readings before any turn included."""

    def go(self) -> None:
        """Read from now on."""
        os.kill(self._recorder.pid, signal.SIGCONT)
        self._recorder.look()
        time.sleep(SETTLES_S)
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Read no more, and take no time of any processor."""
        os.kill(self._recorder.pid, signal.SIGSTOP)
        self.seconds += time.perf_counter() - self._since


def launch(engine: Engine, task: Task, threads: int, passes: int, number: int) -> Found:
    """One worker, warmed up, and its turns; every second launch begins without probes."""
    drawn = prompts(number, SHORT_PROMPT)
    records: dict[bool, list[Record]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(prefix="crossbench-probing-") as name, ExitStack() as stack:
        folder = Path(name)
        worker = Worker(engine, LlamaCppOptions(threads=threads), task.model, task.context, folder)
        stack.callback(worker.close)
        recorder = stack.enter_context(Recorder(folder, Registry().probes()))
        sampling = Sampling(recorder)
        recorder.settle(lambda _: None)
        recorder.watch(worker.pid, f"launch-{number}")
        worker.run(next(drawn), task.output)
        sampling.stop()
        for turn in range(passes * len(ORDER)):
            probing = ORDER[turn % len(ORDER)] is (number % 2 == 0)
            if probing:
                sampling.go()
            else:
                time.sleep(SETTLES_S)
            records[probing].append(worker.record(next(drawn), task.output))
            if probing:
                sampling.stop()
        sampling.go()
        closed = recorder.close()
        read = [event.at_ns for event in telemetry.read(folder) if isinstance(event, Tick)]
    if closed is None:
        raise SystemExit("the sampler did not end by itself, so none is known to have sampled")
    on, off = (_decode_s(records[probing]) for probing in (True, False))
    tokens = (task.output - 1) * passes * len(ORDER) / 2
    share = closed.cpu_s / sampling.seconds
    return Found(tokens / on, tokens / off, share, _inside(read, records[True]) / on)


def _decode_s(records: Sequence[Record]) -> float:
    return sum(each.stamps_ns[-1] - each.stamps_ns[0] for each in records) / 1e9


def _inside(read_ns: Sequence[int], records: Sequence[Record]) -> int:
    """How many readings began while something was decoded."""
    spans = [(each.t0_ns + each.stamps_ns[0], each.t0_ns + each.stamps_ns[-1]) for each in records]
    return sum(first <= at <= last for at in read_ns for first, last in spans)


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
    parser.add_argument("--passes", type=int, default=3, help="times on, off, off, on a launch")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=int, default=49, help="output tokens of a turn")
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
