"""The declaration of the llama.cpp backend: what to build, where it applies, what it can do."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import Applies, BackendSpec, Capability, EnvSpec
from crossbench.hookspecs import hookimpl

REQUIREMENTS = ("llama-cpp-python==0.3.36", "numpy>=2", "msgspec>=0.20")


def _environment(applies: Applies, *cmake: str, wheels_serve: bool = False) -> EnvSpec:
    """An environment that compiles llama.cpp with these CMake definitions, "NAME=VALUE" each."""
    definitions = dict(definition.split("=") for definition in cmake)
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
    """llama.cpp, for CUDA, for Metal, for the CPU alone, and (by request) with RPC devices."""
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
            "rpc": _environment(Applies(), "GGML_METAL=OFF", "GGML_RPC=ON"),
        },
        capabilities=frozenset({Capability.TOKEN_IDS, Capability.RESET, Capability.SEED}),
    )
