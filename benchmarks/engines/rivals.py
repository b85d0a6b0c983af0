"""Each engine's own loops: which they are, and under what settings they and crossbench run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from crossbench_mlx.options import MlxOptions
from crossbench_vllm.options import VllmOptions

ROOT = Path(__file__).parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Rival(NamedTuple):
    """An engine's own loop, on what the plugin has loaded."""

    name: str
    loop: str
    """As its `Beside` knows it."""


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
    factory: str
    """Of the backend that has the rivals beside the plugin."""
    rivals: tuple[Rival, ...]
    """The first one is the plain loop, against which the harness's time is told."""
    cases: Mapping[str, Case]
    layers: int
    """Of the random model, such that a token takes well over 5 ms on one core."""


def contest(backend: str) -> Contest:
    """The settings and rivals of an engine."""
    return _mlx() if backend == "mlx" else _vllm()


def _mlx() -> Contest:
    return Contest(
        options=MlxOptions(dtype="float32"),
        factory="benchmarks.engines.mlx_loop:MlxBeside",
        rivals=(
            Rival("mlx_lm generate_step", "step"),
            Rival("mlx_lm.benchmark, corrected", "benchmark"),
        ),
        cases={"random": Case(64, 33, 4, 8), "tiny": Case(64, 65, 4, 8)},
        layers=2,
    )


def _vllm() -> Contest:
    """vLLM loads long, so it has fewer repetitions and more turns in each."""
    last = max(os.sched_getaffinity(0))
    return Contest(
        options=VllmOptions(
            dtype="float32", enforce_eager=True, kv_cache_gib=0.25, cpu_omp_threads_bind=str(last)
        ),
        factory="benchmarks.engines.vllm_loop:VllmBeside",
        rivals=(Rival("vLLM AsyncLLM.generate", "generate"),),
        cases={"random": Case(64, 65, 8, 6), "tiny": Case(64, 129, 4, 6)},
        layers=4,
    )


def facts(options: msgspec.Struct) -> Mapping[str, Any]:
    """What of the options is not the plugin's default."""
    defaults = msgspec.to_builtins(type(options)())
    chosen = msgspec.to_builtins(options)
    return {name: value for name, value in chosen.items() if value != defaults[name]}
