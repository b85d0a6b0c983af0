"""Traps of llama.cpp that a plan shows before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import convert

from crossbench.api import Finding
from crossbench_llamacpp.options import LlamaCppOptions

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

BACKEND = "llamacpp"


def findings(plan: Plan) -> Iterator[Finding]:
    """What is known to mislead or to crawl; `plan` is the host's, of which only data is read."""
    planned = {item.target: item for item in plan.targets}
    for target in plan.suite.targets:
        if target.backend == BACKEND and target.name in planned:
            options = convert(dict(target.options), LlamaCppOptions)
            devices = len(options.rpc_servers or plan.machine.cuda_devices)
            yield from _of_target(target.name, options, devices, planned[target.name].variant)


def _of_target(
    name: str, options: LlamaCppOptions, devices: int, variant: str
) -> Iterator[Finding]:
    several = devices > 1 and options.split_mode != "none"
    if several and options.split_mode == "row" and variant == "cuda":
        yield _finding(
            "llamacpp-row-split",
            "risk",
            name,
            "split_mode row is gone from recent CUDA builds of llama.cpp and fails to load there",
            "use split_mode tensor",
        )
    if several and options.split_mode == "layer":
        yield _finding(
            "llamacpp-pipeline",
            "note",
            name,
            f"split_mode layer over {devices} devices is a pipeline: at one stream they take turns",
            "compare it with split_mode tensor, which lets them work at once",
        )
        if options.n_batch == options.n_ubatch:
            yield _finding(
                "llamacpp-no-overlap",
                "risk",
                name,
                f"n_batch and n_ubatch are both {options.n_batch}: a prompt is one piece, so its "
                "prefill does not overlap between the devices",
                "raise n_batch to several times n_ubatch",
            )
    if devices and options.n_gpu_layers >= 0:
        yield _finding(
            "llamacpp-partial-offload",
            "risk",
            name,
            f"n_gpu_layers is {options.n_gpu_layers}: layers beyond it are computed by the CPU",
            "leave it out to keep every layer on the GPUs, where they fit",
        )


def _finding(rule: str, severity: Any, target: str, evidence: str, fix: str) -> Finding:
    return Finding(rule=rule, severity=severity, targets=(target,), evidence=evidence, fix=fix)
