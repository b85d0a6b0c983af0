"""How each engine starts: building its environment, spawning a worker, the first request.

    python -m benchmarks.engines.start [--engine mlx] [--engine vllm] [--engine llamacpp]

builds each engine's environment twice by `crossbench envs build`, in folders of its own: cold, with
an empty cache of uv, then warm, with the cache that the first build has filled. Then it launches
workers on the tiny model. llama.cpp's cold build compiles for minutes; `--skip-building` measures
launches alone, in the environments that are there, and `--python` in an interpreter's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks import paired, tables
from benchmarks.contestants import Worker
from benchmarks.engine import Engine
from benchmarks.engines import model
from benchmarks.engines.rivals import ONE_THREAD
from benchmarks.turns import prompts
from crossbench.envs import store
from crossbench_llamacpp.options import LlamaCppOptions
from crossbench_mlx.options import MlxOptions
from crossbench_vllm.options import VllmOptions

PROMPT, OUTPUT = 64, 33
STEADY = 5
"""Requests after the first, whose median is the steady time."""
OPTIONS: dict[str, msgspec.Struct] = {
    "llamacpp": LlamaCppOptions(threads=1),
    "mlx": MlxOptions(),
    "vllm": VllmOptions(dtype="float32", enforce_eager=True, kv_cache_gib=0.25),
}
ARTIFACTS = {
    "llamacpp": model.TINY / "tiny-f16.gguf",
    "mlx": model.TINY,
    "vllm": model.TINY,
}


class Built(NamedTuple):
    """Seconds that `crossbench envs build` took, and what it left on the disk."""

    cold_s: float
    warm_s: float
    size_bytes: int
    first_ready_s: float = 0.0
    """Spawn to ready of the first worker there, which also compiles the engine's Python."""


class Launch(NamedTuple):
    """One worker process, in seconds."""

    python_s: float
    """From the spawn until the worker knows its own modules."""
    import_s: float
    load_s: float
    ready_s: float
    """All three."""
    first_s: float
    """The first request, from its ids being at hand to its last token."""
    steady_s: float
    """The median of those after it."""


def build(backend: str, folder: Path) -> Built:
    """Build cold, then warm; the warm environment stays in `folder / "warm"`."""
    cold_s = _timed_build(backend, folder / "cold", folder / "cache")
    shutil.rmtree(folder / "cold")
    warm_s = _timed_build(backend, folder / "warm", folder / "cache")
    return Built(cold_s, warm_s, store.size_bytes(folder / "warm"))


def _timed_build(backend: str, environments: Path, cache: Path) -> float:
    environ = {**os.environ, store.VARIABLE: str(environments), "UV_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "crossbench", "envs", "build", backend]
    began = time.monotonic()
    ran = subprocess.run(
        command,
        check=False,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ran.returncode:
        raise SystemExit(f"building {backend} failed:\n{ran.stdout[-3000:]}")
    return time.monotonic() - began


@contextmanager
def environments(folder: Path) -> Iterator[None]:
    """Look for built environments there."""
    before = os.environ.get(store.VARIABLE)
    os.environ[store.VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(store.VARIABLE)
        if before is not None:
            os.environ[store.VARIABLE] = before


def launch(engine: Engine, number: int, folder: Path) -> Launch:
    """One worker: how long until it is ready, and how long its first requests take."""
    name = engine.spec.name
    worker = Worker(engine, OPTIONS[name], ARTIFACTS[name], PROMPT + OUTPUT, folder)
    try:
        ready = worker.ready
        steps = (worker.process.spawned_ns, ready.main_ns, ready.imported_ns, ready.ready_ns)
        drawn = islice(prompts(number, PROMPT), 1 + STEADY)
        first, *later = (worker.record(prompt, OUTPUT).stamps_ns[-1] / 1e9 for prompt in drawn)
    finally:
        worker.close()
    python_s, import_s, load_s = ((after - before) / 1e9 for before, after in pairwise(steps))
    ready_s = python_s + import_s + load_s
    return Launch(python_s, import_s, load_s, ready_s, first, median(later))


def built_table(built: dict[str, Built]) -> str:
    """What building took."""
    return "\n".join(
        [
            "| | cold build, s | warm build, s | on the disk, MB | first spawn to ready, s |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {name} | {each.cold_s:.1f} | {each.warm_s:.1f} | {each.size_bytes / 1e6:.0f} "
                f"| {each.first_ready_s:.1f} |"
                for name, each in built.items()
            ),
        ]
    )


def launch_table(launches: dict[str, Sequence[Launch]]) -> str:
    """What launching took; means with their 95 % intervals."""
    head = "| | spawn to ready, s | Python | import | load | first request, s | first / steady |"
    rows = (_launch_row(*each) for each in launches.items())
    return "\n".join([head, "| --- " * 7 + "|", *rows])


def _launch_row(name: str, launches: Sequence[Launch]) -> str:
    columns = {field: [getattr(each, field) for each in launches] for field in Launch._fields}
    cells = [
        tables.scaled(paired.mean(columns["ready_s"]), 1, 3),
        *(f"{paired.mean(columns[part]).point:.3f}" for part in ("python_s", "import_s", "load_s")),
        tables.scaled(paired.mean(columns["first_s"]), 1, 4),
        tables.scaled(paired.ratio(columns["first_s"], columns["steady_s"]), 1, 2),
    ]
    return f"| {name} ({len(launches)} launches) | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--engine", action="append", choices=[*OPTIONS], help="may be repeated; all by default"
    )
    parser.add_argument("--skip-building", action="store_true", help="launch what is built already")
    parser.add_argument("--python", type=Path, help="of one engine, which is then not built")
    parser.add_argument("--launches", type=int, default=5, help="at least 2")
    chosen = parser.parse_args()
    names = chosen.engine or [*OPTIONS]
    if chosen.python and len(names) > 1:
        parser.error("--python is of one engine; name it by --engine")
    os.environ |= ONE_THREAD
    built: dict[str, Built] = {}
    launches: dict[str, Sequence[Launch]] = {}
    load = os.getloadavg()[0]
    for name in names:
        with tempfile.TemporaryDirectory(prefix="crossbench-start-") as made:
            folder, where = Path(made), store.root()
            if not (chosen.skip_building or chosen.python):
                built[name] = build(name, folder)
                where = folder / "warm"
                print(f"{name}: {built[name]}", file=sys.stderr)
            with environments(where):
                engine = Engine.find(name, chosen.python)
                if name in built:
                    first = launch(engine, chosen.launches, folder)
                    built[name] = built[name]._replace(first_ready_s=first.ready_s)
                launches[name] = [launch(engine, n, folder) for n in range(chosen.launches)]
    if built:
        print(built_table(built), end="\n\n")
    print(launch_table(launches))
    print(
        f"\nFirst and steady requests: {PROMPT} prompt and {OUTPUT} output tokens, one thread. "
        f"Load average before {load:.2f}, after {os.getloadavg()[0]:.2f}."
    )


if __name__ == "__main__":
    main()
