"""What the instrument itself costs: driver, stamps, garbage collection, starting a worker.

`python -m benchmarks.instrument [--repetitions 12]` prints a table of docs/benchmarks.md; its rows
of 256 streams are those of docs/instrument.md. Every figure is paired within a repetition, because
a shared machine drifts between them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Any

from benchmarks import paired
from benchmarks.engine import Silent
from crossbench.api import Chunk, Finish, ModelRef, Needs, Request
from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.instrument.model import Script, Trial
from crossbench.instrument.subject import subject
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.testing.null import NullOptions, NullSession
from crossbench.worker import pulse
from crossbench.worker.driver import Driver
from crossbench.worker.protocol import Load, Measure, Ready
from crossbench.worker.pulse import Pulse
from crossbench.worker.supervisor import WorkerProcess

CHUNKS = 50_000
EMISSIONS = 400
CROWD = Script(streams=256, tpot_s=0.02, chunks=100)
"""256 streams at 50 tokens a second each, for two seconds."""


class Prepared(NullSession):
    """Yields chunks that were made before."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        super().__init__(NullOptions(), Needs(context_tokens=1))
        self._given = chunks

    def generate(self, request: Request) -> Iterator[Chunk]:
        """As many as asked, at once."""
        return iter(self._given[: request.max_tokens])


class Emitting(NullSession):
    """The null engine, which also notes when it emits; with litter, it makes cyclic garbage too."""

    def __init__(self, options: NullOptions, *, litter: bool = False) -> None:
        super().__init__(options, Needs(context_tokens=1 << 20))
        self.emitted: list[int] = []
        self._litter = litter

    def generate(self, request: Request) -> Any:
        """As the null engine, each chunk noted just before it is handed over."""
        self.emitted = []
        stream = super().generate(request)
        return self._noted(stream) if isinstance(stream, Iterator) else self._noted_async(stream)

    def _noted(self, stream: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in stream:
            self._make_litter()
            self.emitted.append(perf_counter_ns())
            yield chunk

    async def _noted_async(self, stream: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        async for chunk in stream:
            self._make_litter()
            self.emitted.append(perf_counter_ns())
            yield chunk

    def _make_litter(self) -> None:
        if self._litter:
            for _ in range(200):
                cycle: list[object] = []
                cycle.append(cycle)


class Ungoverned(Driver):
    """The driver with garbage collection left on, for comparison."""

    async def _user(self, pending: Iterator[Request]) -> None:
        gc.enable()
        await super()._user(pending)


def request(tokens: int) -> Request:
    """One request for so many tokens."""
    return Request(id="r", prompt_ids=(1, 2, 3), max_tokens=tokens)


def driver_cost_ns(shared: Pulse) -> float:
    """Time per chunk through the driver, less the time of a loop that only iterates."""
    chunks = [Chunk((1,))] * (CHUNKS - 1) + [Chunk((1,), finish=Finish(reason="length"))]
    driver = Driver(Prepared(chunks), shared)
    (record,) = asyncio.run(driver.measure(Measure(requests=(request(CHUNKS),)))).records
    began = perf_counter_ns()
    for _chunk in iter(chunks):
        pass
    bare = perf_counter_ns() - began
    return (record.stamps_ns[-1] - bare) / CHUNKS


def stamp_errors_ns(
    shared: Pulse, kind: type[Driver], options: NullOptions, *, litter: bool = False
) -> list[int]:
    """Stamp less emission, for each chunk of one request."""
    session = Emitting(options, litter=litter)
    asked = Measure(requests=(request(EMISSIONS),))
    (record,) = asyncio.run(kind(session, shared).measure(asked)).records
    stamps = [record.t0_ns + stamp for stamp in record.stamps_ns]
    return [stamp - emitted for stamp, emitted in zip(stamps, session.emitted, strict=True)]


def p99(values: Sequence[int]) -> float:
    """99th percentile."""
    return quantiles(values, n=100, method="inclusive")[98]


def crowded(registry: Registry) -> Trial:
    """Many streams through a worker that is held to one core."""
    with subject(registry, Silent()) as worker:
        os.sched_setaffinity(worker.process.pid, {max(os.sched_getaffinity(0))})
        return worker.trial(CROWD)


def spawn_to_ready_ms(found: Environment, folder: Path) -> float:
    """From the start of a worker process to a session on the null engine."""
    worker = WorkerProcess(
        python=found.python,
        environ=environ(found),
        log=folder / "worker.log",
        deadlines=Deadlines(),
    )
    ready = worker.ask(
        Load(
            factory="crossbench.testing.null:NullEngine",
            options_type="crossbench.testing.null:NullOptions",
            options={},
            model=ModelRef(path=str(folder), name="none"),
            needs=Needs(context_tokens=10),
            distributions=(),
        ),
        Ready,
    )
    worker.end()
    return (ready.ready_ns - worker.spawned_ns) / 1e6


def crowd_rows(crowds: Sequence[Trial]) -> Iterator[tuple[str, list[float], str]]:
    """What else the figures of the crowd tell."""
    yield "TPOT error, p99", [1e6 * each.tpot.p99_s for each in crowds], "\u00b5s"
    yield "TTFT error, p99", [1e3 * each.ttft.p99_s for each in crowds], "ms"
    yield "gap error, p99", [1e3 * each.gap.p99_s for each in crowds], "ms"
    lags = [1e3 * each.lag_p99_s for each in crowds if each.lag_p99_s is not None]
    yield "lag of the event loop, p99", lags, "ms"
    spent = [1e3 * each.cpu_s for each in crowds if each.cpu_s is not None]
    yield "processor time per 1,000 tokens", spent, "ms"


def row(what: str, values: Sequence[float], unit: str, target: str) -> str:
    """One line of the table."""
    low_to_high = paired.mean(values)
    return (
        f"| {what} | {low_to_high.point:.2f} {unit} [{low_to_high.low:.2f}, "
        f"{low_to_high.high:.2f}] | {min(values):.2f} | {median(values):.2f} | "
        f"{max(values):.2f} | {target} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=12)
    repetitions = parser.parse_args().repetitions
    descriptor = pulse.shared()
    shared = Pulse(descriptor)
    os.close(descriptor)
    quick = NullOptions(ttft_s=0.001, tpot_s=0.0005)
    turns = NullOptions(ttft_s=0.001, tpot_s=0.0005, style="async")
    found = environment.resolve(
        Registry().backend("null").spec,
        variant=None,
        python=None,
        progress=Silent(),
        deadline_s=60,
    )
    cost, sync, asyn, off, on, ready, crowds = [], [], [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repetitions):
            cost.append(driver_cost_ns(shared) / 1e3)
            sync.append(p99(stamp_errors_ns(shared, Driver, quick)) / 1e3)
            asyn.append(p99(stamp_errors_ns(shared, Driver, turns)) / 1e3)
            off.append(max(stamp_errors_ns(shared, Driver, quick, litter=True)) / 1e3)
            on.append(max(stamp_errors_ns(shared, Ungoverned, quick, litter=True)) / 1e3)
            ready.append(spawn_to_ready_ms(found, Path(folder)))
            crowds.append(crowded(Registry()))
    ratio = paired.ratio(on, off)
    print(f"{repetitions} interleaved repetitions, mean [95 % interval]\n")
    print("| what | mean | least | median | most | target |\n| --- | --- | --- | --- | --- | --- |")
    print(row("driver, per chunk", cost, "\u00b5s", "at most 3 \u00b5s"))
    print(row("stamp error, p99, synchronous", sync, "\u00b5s", "at most 20 \u00b5s"))
    print(row("stamp error, p99, asynchronous", asyn, "\u00b5s", "at most 20 \u00b5s"))
    print(row("worst stamp beside garbage, collection off", off, "\u00b5s", "\u2013"))
    print(row("the same with collection on", on, "\u00b5s", "\u2013"))
    print(row("spawn to ready, null engine", ready, "ms", "at most 300 ms"))
    print(row("256 streams, TPOT bias", [1e2 * t.tpot.bias for t in crowds], "%", "at most 1 %"))
    for what, values, unit in crowd_rows(crowds):
        print(row(f"256 streams, {what}", values, unit, "\u2013"))
    print(
        f"\nCollection on / off, worst stamp: {ratio.point:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
    )


if __name__ == "__main__":
    main()
