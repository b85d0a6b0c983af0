"""The declaration of the MLX backend: what to install, where it applies, what it can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crossbench.api import Applies, BackendSpec, Capability, EnvSpec, Finding
from crossbench.hookspecs import hookimpl
from crossbench_mlx import lint

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

VERSION = "0.32.2"
LINUX = ("linux-x86_64", "linux-aarch64")


def _environment(engine: str, applies: Applies) -> EnvSpec:
    return EnvSpec(requirements=(f"{engine}=={VERSION}", "msgspec>=0.20"), applies=applies)


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    """MLX for Apple silicon, for CUDA, and for the CPU of a Linux machine; nothing is compiled."""
    yield BackendSpec(
        name="mlx",
        factory="crossbench_mlx.engine:Mlx",
        options="crossbench_mlx.options:MlxOptions",
        distributions=("mlx-lm", "mlx", "crossbench-mlx"),
        environments={
            "metal": _environment("mlx-lm", Applies(platforms=("macos-arm64",), device="metal")),
            "cuda": _environment(
                "mlx-lm[cuda13]", Applies(platforms=("linux-x86_64",), device="cuda")
            ),
            "cpu": _environment("mlx-lm[cpu]", Applies(platforms=LINUX)),
        },
        capabilities=frozenset(
            {
                Capability.TOKEN_IDS,
                Capability.RESET,
                Capability.BATCH,
                Capability.SEED,
                Capability.FORCED_IDS,
                Capability.SCORE,
            }
        ),
    )


@hookimpl
def crossbench_lint(plan: Plan) -> Iterable[Finding]:
    """Traps of this engine."""
    yield from lint.findings(plan)
