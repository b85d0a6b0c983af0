"""Traps of vLLM that a plan shows before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import convert

from crossbench.api import Finding
from crossbench_vllm.options import VllmOptions

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

BACKEND = "vllm"


def findings(plan: Plan) -> Iterator[Finding]:
    """What is known to mislead or to fail; `plan` is the host's, of which only data is read."""
    planned = {item.target: item for item in plan.targets}
    for target in plan.suite.targets:
        if target.backend == BACKEND and target.name in planned:
            options = convert(dict(target.options), VllmOptions)
            yield from _of_ranks(target.name, options, _config(Path(target.artifact)))
            if planned[target.name].variant == "cuda":
                yield from _on_cuda(target.name, options)


def _of_ranks(name: str, options: VllmOptions, config: Mapping[str, Any]) -> Iterator[Finding]:
    ranks = options.tensor_parallel_size
    heads = config.get("num_attention_heads")
    if isinstance(heads, int) and heads % ranks:
        yield _finding(
            "vllm-heads",
            "risk",
            name,
            f"{heads} attention heads are not divisible by tensor_parallel_size {ranks}: vLLM "
            "refuses to load the model",
            "choose a divisor of the heads, or pipeline_parallel_size",
        )
    layers = config.get("num_hidden_layers")
    if isinstance(layers, int) and layers < options.pipeline_parallel_size:
        yield _finding(
            "vllm-layers",
            "risk",
            name,
            f"{layers} layers are fewer than pipeline_parallel_size "
            f"{options.pipeline_parallel_size}",
            "lower pipeline_parallel_size",
        )


def _on_cuda(name: str, options: VllmOptions) -> Iterator[Finding]:
    if options.tensor_parallel_size > 1 and not options.disable_custom_all_reduce:
        yield _finding(
            "vllm-peer-to-peer",
            "note",
            name,
            "without peer-to-peer between the GPUs (GeForce cards on the stock driver) vLLM's "
            "custom all-reduce is off and NCCL goes through host memory",
            "look for the path taken under 'resolved by the engine' in the report",
        )
    if options.enforce_eager:
        yield _finding(
            "vllm-eager",
            "unfair",
            name,
            "enforce_eager keeps vLLM from compiling the model and from CUDA graphs",
            "drop enforce_eager, unless that is what you measure",
        )


def _config(artifact: Path) -> Mapping[str, Any]:
    """The model's config.json, where it lies here and can be read."""
    try:
        config = json.loads((artifact / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _finding(rule: str, severity: Any, target: str, evidence: str, fix: str) -> Finding:
    return Finding(rule=rule, severity=severity, targets=(target,), evidence=evidence, fix=fix)
