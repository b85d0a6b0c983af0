"""The declaration of the llama.cpp backend: what to build, where it applies, what it can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crossbench.api import Applies, BackendSpec, Capability, EnvSpec, Finding
from crossbench.hookspecs import hookimpl
from crossbench_llamacpp import lint

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

REQUIREMENTS = ("llama-cpp-python==0.3.36", "numpy>=2", "msgspec>=0.20")


def _environment(applies: Applies, *cmake: str, wheels_serve: bool = False) -> EnvSpec:
    """An environment that compiles llama.cpp with these CMake definitions, "NAME=VALUE" each.

    RPC is in all of them: it costs seconds to compile, and nothing where it is not used.
    """
    definitions = dict(definition.split("=") for definition in (*cmake, "GGML_RPC=ON"))
    return EnvSpec(
        requirements=REQUIREMENTS,
        build_settings={
            "llama-cpp-python": {
                f"cmake.define.{name}": value for name, value in definitions.items()
            }
        },
        wheels_serve=wheels_serve,
        build_tools=("c++",),
        applies=applies,
    )


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    """llama.cpp, for CUDA, for Metal, for the CPU alone, and (by request) compiled for RPC."""
    yield BackendSpec(
        name="llamacpp",
        factory="crossbench_llamacpp.engine:LlamaCpp",
        options="crossbench_llamacpp.options:LlamaCppOptions",
        distributions=("llama-cpp-python", "crossbench-llamacpp"),
        environments={
            "cuda": _environment(Applies(device="cuda", tools=("nvcc",)), "GGML_CUDA=ON"),
            "metal": _environment(Applies(platforms=("macos-arm64",)), "GGML_METAL=ON"),
            # llama.cpp compiles Metal in by default on a Mac.
            "cpu": _environment(Applies(), "GGML_METAL=OFF", wheels_serve=True),
            # As "cpu", but never a prebuilt wheel, which as a rule lacks RPC.
            "rpc": _environment(Applies(), "GGML_METAL=OFF"),
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
        aspects={"context": "n_ctx", "kv_dtype": "type_k"},
    )


@hookimpl
def crossbench_lint(plan: Plan) -> Iterable[Finding]:
    """Traps of this engine."""
    yield from lint.findings(plan)
