"""Each engine's own loops: which they are, and under what settings they and crossbench run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.contestants import LoopProcess, Task
from benchmarks.engine import Engine
from crossbench.launch import environ
from crossbench_mlx.options import MlxOptions
from crossbench_vllm.options import VllmOptions

ROOT = Path(__file__).parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Rival:
    """An engine's own loop, in a process of its own."""

    name: str
    module: str
    mode: str
    process: str
    """Rivals of one process share it."""

    def start(
        self, engine: Engine, options: msgspec.Struct, task: Task, folder: Path
    ) -> LoopProcess:
        """Start its process in the engine's environment."""
        told = {
            "model": str(task.model),
            "context": task.context,
            "options": msgspec.to_builtins(options),
            "mode": self.mode,
        }
        inherited = environ(engine.environment)
        path = os.pathsep.join([inherited["PYTHONPATH"], str(ROOT)])
        command = [str(engine.environment.python), "-P", "-m", self.module, json.dumps(told)]
        log = folder / f"{self.process}.log"
        return LoopProcess(command, log, {**inherited, "PYTHONPATH": path})


class Case(NamedTuple):
    """How one model is measured by default."""

    prompt: int
    output: int
    passes: int
    repetitions: int


@dataclass(frozen=True)
class Contest:
    """How one engine is measured."""

    options: msgspec.Struct
    rivals: tuple[Rival, ...]
    """The first one is the plain loop, against which the harness's time is told."""
    cases: Mapping[str, Case]
    layers: int
    """Of the random model, such that a token takes well over 5 ms on one core."""


def contest(backend: str, *, offline: bool) -> Contest:
    """The settings and rivals of an engine."""
    return _mlx() if backend == "mlx" else _vllm(offline=offline)


def _mlx() -> Contest:
    module = "benchmarks.engines.mlx_loop"
    return Contest(
        options=MlxOptions(dtype="float32"),
        rivals=(
            Rival("mlx_lm generate_step", module, "step", "loop"),
            Rival("mlx_lm.benchmark, corrected", module, "benchmark", "loop"),
        ),
        cases={"random": Case(64, 33, 2, 10), "tiny": Case(64, 65, 2, 10)},
        layers=2,
    )


def _vllm(*, offline: bool) -> Contest:
    """vLLM loads long, so it has fewer repetitions and more turns in each."""
    module = "benchmarks.engines.vllm_loop"
    rivals = (
        Rival("vLLM AsyncLLM.generate", module, "async", "async"),
        Rival("vLLM LLM.generate", module, "offline", "offline"),
    )
    last = max(os.sched_getaffinity(0))
    return Contest(
        options=VllmOptions(
            dtype="float32", enforce_eager=True, kv_cache_gib=0.25, cpu_omp_threads_bind=str(last)
        ),
        rivals=rivals if offline else rivals[:1],
        cases={"random": Case(64, 65, 3, 8), "tiny": Case(64, 129, 2, 6)},
        layers=4,
    )


def facts(options: msgspec.Struct) -> Mapping[str, Any]:
    """What of the options is not the plugin's default."""
    defaults = msgspec.to_builtins(type(options)())
    chosen = msgspec.to_builtins(options)
    return {name: value for name, value in chosen.items() if value != defaults[name]}
