"""Real workers with MLX loaded, one for each combination of artifact and options, shared."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossbench.api import BackendSpec, ModelRef, Needs, Request
from crossbench.envs import overlay
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import (
    Load,
    Measure,
    Measured,
    MemoryRead,
    ReadMemory,
    Ready,
    Record,
    Score,
    Scored,
)
from crossbench.worker.supervisor import WorkerProcess
from crossbench_mlx import plugin
from tests.conftest import ROOT, TINY, engine

TINY_4BIT = TINY.parent / "tiny-mlx-4bit"
STORED: dict[str, Any] = {"wired_limit_mib": 100}
"""Options of the model as it is stored, in f16, shared by what needs nothing else."""


class Loaded:
    """A worker that has a model loaded."""

    def __init__(self, mlx: Environment, folder: Path, model: Path, **options: Any) -> None:
        spec: BackendSpec
        (spec,) = plugin.crossbench_backends()
        self.process = WorkerProcess(
            python=mlx.python,
            environ=environ(mlx),
            log=folder / "worker.log",
            deadlines=Deadlines(),
        )
        self._load = Load(
            factory=spec.factory,
            options_type=spec.options,
            options=options,
            model=ModelRef(path=str(model), name="tiny"),
            needs=Needs(context_tokens=512, forced_ids=True, scoring=True, score_top_k=8),
            distributions=spec.distributions,
        )

    def load(self) -> Ready:
        self.ready = self.process.ask(self._load, Ready)
        return self.ready

    def run(self, prompt: list[int], tokens: int, **more: Any) -> Record:
        request = Request(id="r", prompt_ids=tuple(prompt), max_tokens=tokens, **more)
        (record,) = self.process.ask(Measure(requests=(request,)), Measured).records
        return record

    def score(self, ids: list[int], top_k: int, first: int) -> Scored:
        return self.process.ask(Score(ids=tuple(ids), top_k=top_k, first=first), Scored)

    def used(self) -> int:
        (memory,) = self.process.ask(ReadMemory(), MemoryRead).memory.values()
        assert memory.used_bytes is not None
        return memory.used_bytes


class Workers:
    """Makes a worker at its first use."""

    def __init__(self, mlx: Environment, folder: Path) -> None:
        self._mlx = mlx
        self._folder = folder
        self._made: dict[str, Loaded] = {}

    def __call__(self, model: Path = TINY, **options: Any) -> Loaded:
        key = f"{model} {sorted(options.items())}"
        if key not in self._made:
            made = Loaded(self._mlx, self._folder, model, **options)
            self._made[key] = made
            made.load()
        return self._made[key]

    def end(self) -> None:
        for made in self._made.values():
            made.process.end()


@pytest.fixture(scope="session")
def mlx() -> Environment:
    """An environment that has mlx-lm and msgspec: one named, or the one built."""
    overlay.lay(Registry().backend("mlx").spec)
    return engine("mlx")


@pytest.fixture(scope="session")
def workers(mlx: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Loaded workers: `workers(**options)` for the tiny model, `workers(folder, **options)`."""
    made = Workers(mlx, tmp_path_factory.mktemp("mlx"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def exact(workers: Workers) -> Loaded:
    """The tiny model in f32, in which MLX can be held against a computation in float64."""
    return workers(dtype="float32", prefill_step_size=32)


def probe(mlx: Environment, name: str, **arguments: Any) -> Any:
    """Call a function of `probes`, or "crowds.NAME", in the engine's interpreter: what a worker
    cannot show."""
    module, _, function = name.rpartition(".")
    ran = subprocess.run(
        [mlx.python, "-m", f"tests.mlx.{module or 'probes'}", function, json.dumps(arguments)],
        cwd=ROOT,
        env=dict(environ(mlx)),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return json.loads(ran.stdout)
