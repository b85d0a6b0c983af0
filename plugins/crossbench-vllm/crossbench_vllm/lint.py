"""Traps of vLLM that a plan shows before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, convert

from crossbench.api import Finding, Severity
from crossbench_vllm.architectures import KNOWN
from crossbench_vllm.options import VllmOptions

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

BACKEND = "vllm"


class _Case(Struct, frozen=True, kw_only=True):
    """One target with what its rules look at; `Any` is the host's, of which only data is read."""

    name: str
    options: VllmOptions
    cuda: bool
    devices: int
    """CUDA devices here."""
    pairs: tuple[Any, ...]
    """Every two of those that its ranks would use."""
    traits: Any
    """Of its artifact; None where that is not here."""

    @property
    def ranks(self) -> int:
        """Devices that each hold a part of every layer."""
        return self.options.tensor_parallel_size

    @property
    def reaches(self) -> bool | None:
        """Whether all GPUs reach each other's memory; None where the driver does not tell."""
        told = {pair.peer_to_peer for pair in self.pairs}
        if False in told:
            return False
        return None if None in told or not told else True

    def finding(self, rule: str, severity: Severity, evidence: str, fix: str) -> Finding:
        """A finding of this target."""
        return Finding(
            rule=f"vllm-{rule}",
            severity=severity,
            targets=(self.name,),
            evidence=evidence,
            fix=fix,
        )


def findings(plan: Plan) -> Iterator[Finding]:
    """What is known to mislead or to fail; `plan` is the host's, of which only data is read."""
    planned = {item.target: item for item in plan.targets}
    nvidia = plan.machine.nvidia.value
    for target in plan.suite.targets:
        if target.backend != BACKEND or target.name not in planned:
            continue
        options = convert(dict(target.options), VllmOptions)
        fit = plan.fits.get(target.name)
        case = _Case(
            name=target.name,
            options=options,
            cuda=planned[target.name].variant == "cuda",
            devices=len(plan.machine.cuda_devices),
            pairs=tuple(p for p in nvidia.pairs if max(p.devices) < options.ranks)
            if nvidia
            else (),
            traits=fit.traits if fit else None,
        )
        for rule in RULES:
            yield from rule(case)


def heads(case: _Case) -> Iterator[Finding]:
    """Attention heads that ranks cannot share evenly."""
    if case.traits and case.traits.heads % case.ranks:
        yield case.finding(
            "heads",
            "risk",
            f"{case.traits.heads} attention heads are not divisible by tensor_parallel_size "
            f"{case.ranks}: vLLM refuses to load the model",
            "choose a divisor of the heads, or pipeline_parallel_size",
        )


def layers(case: _Case) -> Iterator[Finding]:
    """Stages of a pipeline without a layer."""
    stages = case.options.pipeline_parallel_size
    if case.traits and case.traits.layers < stages:
        yield case.finding(
            "layers",
            "risk",
            f"{case.traits.layers} layers are fewer than pipeline_parallel_size {stages}",
            "lower pipeline_parallel_size",
        )


def devices(case: _Case) -> Iterator[Finding]:
    """Ranks without a device."""
    if case.cuda and case.options.ranks > case.devices:
        yield case.finding(
            "devices",
            "risk",
            f"{case.options.ranks} ranks and {case.devices} CUDA devices: vLLM refuses to start",
            "lower the parallel sizes, or say needs.cuda so that the target waits for a machine "
            "that has them",
        )


def peer_to_peer(case: _Case) -> Iterator[Finding]:
    """The path between GPUs, which decides what tensor parallelism is worth."""
    if not case.cuda or case.ranks == 1 or case.reaches:
        return
    if case.reaches is False:
        said = {pair.access["read"].value for pair in case.pairs if pair.peer_to_peer is False}
        evidence = (
            "the driver grants no peer-to-peer access between the GPUs "
            f"({', '.join(map(str, said))}): vLLM's custom all-reduce is off and NCCL goes through "
            "host memory"
        )
    else:
        evidence = (
            "the driver does not tell whether the GPUs reach each other's memory; where they do "
            "not, vLLM's custom all-reduce is off and NCCL goes through host memory"
        )
    yield case.finding(
        "peer-to-peer",
        "note",
        evidence,
        "look for the path taken under 'resolved by the engine' in the report",
    )


def path_turned_off(case: _Case) -> Iterator[Finding]:
    """A path between GPUs that is there and not to be used."""
    off = [
        name for name in ("disable_custom_all_reduce", "nccl_p2p_disable")
        if getattr(case.options, name)
    ]  # fmt: skip
    if case.cuda and case.ranks > 1 and case.reaches and off:
        yield case.finding(
            "path-off",
            "unfair",
            f"{' and '.join(off)} is set although the GPUs reach each other's memory",
            f"drop {' and '.join(off)}, unless that is what you measure",
        )


def eager(case: _Case) -> Iterator[Finding]:
    """No compiled model and no CUDA graphs."""
    if case.options.enforce_eager:
        graphs = " and from CUDA graphs" if case.cuda else ""
        yield case.finding(
            "eager",
            "unfair",
            f"enforce_eager keeps vLLM from compiling the model{graphs}",
            "drop enforce_eager, unless that is what you measure",
        )


def offload(case: _Case) -> Iterator[Finding]:
    """Weights that cross the bus for every token."""
    if case.cuda and case.options.cpu_offload_gib:
        yield case.finding(
            "partial-offload",
            "risk",
            f"cpu_offload_gib is {case.options.cpu_offload_gib:g}: that much of the weights lies "
            "in host memory and crosses the bus for every token",
            "drop it where the model fits",
        )


def model(case: _Case) -> Iterator[Finding]:
    """What vLLM cannot load, or not by itself."""
    if case.traits is None:
        return
    if case.traits.format != "safetensors":
        yield case.finding(
            "format",
            "risk",
            f"its artifact is a {case.traits.format.upper()}; crossbench hands vLLM a folder of "
            "safetensors",
            "name a folder or a repository with config.json and safetensors",
        )
    elif case.traits.classes and not KNOWN.intersection(case.traits.classes):
        yield case.finding(
            "architecture",
            "risk",
            f"vLLM, as of 0.32, has no {' or '.join(case.traits.classes)} of its own: it takes "
            "that of transformers, which is slower, or fails",
            "take a newer one by `requires`, or another engine",
        )


RULES: tuple[Callable[[_Case], Iterator[Finding]], ...] = (
    heads,
    layers,
    devices,
    peer_to_peer,
    path_turned_off,
    eager,
    offload,
    model,
)
