"""Traps of llama.cpp that a plan shows before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, convert

from crossbench.api import Finding, Severity
from crossbench_llamacpp.architectures import KNOWN
from crossbench_llamacpp.options import LlamaCppOptions

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

BACKEND = "llamacpp"
FLASH_WIDTHS = frozenset({40, 64, 72, 80, 96, 112, 128, 256})
FLASH_PAIRS = frozenset({(192, 128), (320, 256), (576, 512)})
"""Widths of a head's key and value that CUDA's flash attention has kernels for: ggml-cuda/fattn.cu
of llama.cpp 0.5."""


class _Case(Struct, frozen=True, kw_only=True):
    """One target with what its rules look at; `Any` is the host's, of which only data is read."""

    name: str
    options: LlamaCppOptions
    variant: str
    devices: int
    """GPUs that it would use, remote ones included."""
    pairs: tuple[Any, ...]
    """Every two CUDA devices."""
    traits: Any
    """Of its artifact; None where that is not here."""

    @property
    def split(self) -> str:
        """How several devices share the model; "none" with one."""
        return self.options.split_mode if self.devices > 1 else "none"

    def finding(self, rule: str, severity: Severity, evidence: str, fix: str) -> Finding:
        """A finding of this target."""
        return Finding(
            rule=f"llamacpp-{rule}",
            severity=severity,
            targets=(self.name,),
            evidence=evidence,
            fix=fix,
        )


def findings(plan: Plan) -> Iterator[Finding]:
    """What is known to mislead or to crawl; `plan` is the host's, of which only data is read."""
    planned = {item.target: item for item in plan.targets}
    nvidia = plan.machine.nvidia.value
    for target in plan.suite.targets:
        if target.backend != BACKEND or target.name not in planned:
            continue
        options = convert(dict(target.options), LlamaCppOptions)
        cuda = planned[target.name].variant == "cuda"
        local = plan.machine.cuda_devices if cuda else ()
        fit = plan.fits.get(target.name)
        case = _Case(
            name=target.name,
            options=options,
            variant=planned[target.name].variant,
            devices=len(options.rpc_servers or ()) + len(local),
            pairs=nvidia.pairs if nvidia and cuda else (),
            traits=fit.traits if fit else None,
        )
        for rule in RULES:
            yield from rule(case)


def row_split(case: _Case) -> Iterator[Finding]:
    """The older tensor split, which fails to load."""
    if case.split == "row" and (case.variant == "cuda" or case.options.rpc_servers):
        yield case.finding(
            "row-split",
            "risk",
            "split_mode row fails to load on RPC devices and is gone from recent CUDA builds",
            "use split_mode tensor",
        )


def pipeline(case: _Case) -> Iterator[Finding]:
    """Layers on several devices, which is no tensor parallelism."""
    if case.split != "layer":
        return
    yield case.finding(
        "pipeline",
        "note",
        f"split_mode layer over {case.devices} devices is a pipeline: at one stream they take "
        "turns",
        "compare it with split_mode tensor, which lets them work at once",
    )
    if case.options.n_batch == case.options.n_ubatch:
        yield case.finding(
            "no-overlap",
            "risk",
            f"n_batch and n_ubatch are both {case.options.n_batch}: a prompt is one piece, so its "
            "prefill does not overlap between the devices",
            "raise n_batch to several times n_ubatch",
        )


def tensor_without_flash(case: _Case) -> Iterator[Finding]:
    """Tensor split needs flash attention; with it set to off the options are refused already."""
    if case.split != "tensor" or case.variant != "cuda" or case.traits is None:
        return
    key, value = case.traits.key_width, case.traits.value_width
    if (key, value) not in FLASH_PAIRS and not (key == value and key in FLASH_WIDTHS):
        yield case.finding(
            "tensor-flash",
            "risk",
            f"its heads are {key} and {value} wide, for which CUDA has no flash attention, and "
            "split_mode tensor fails to start without it",
            "use split_mode layer",
        )


def peer_to_peer(case: _Case) -> Iterator[Finding]:
    """Devices that share every layer and cannot reach each other's memory."""
    refused = [pair for pair in case.pairs if pair.peer_to_peer is False]
    if case.split in ("tensor", "row") and refused:
        said = refused[0].access["read"].value
        yield case.finding(
            "peer-to-peer",
            "note",
            f"the driver grants no peer-to-peer access between the GPUs ({said}): what they "
            "exchange in each layer goes through host memory",
            "look at split_mode layer beside it, which exchanges once a token",
        )


def partial_offload(case: _Case) -> Iterator[Finding]:
    """Layers or caches that stay with the processor."""
    layers = case.options.n_gpu_layers
    whole = case.traits.layers + 1 if case.traits else None
    if case.devices and layers >= 0 and (whole is None or layers < whole):
        yield case.finding(
            "partial-offload",
            "risk",
            f"n_gpu_layers is {layers}{f' of {whole}' if whole else ''}: layers beyond it are "
            "computed by the CPU",
            "leave it out to keep every layer on the GPUs, where they fit",
        )
    if case.devices and not case.options.offload_kqv:
        yield case.finding(
            "kv-on-host",
            "risk",
            "offload_kqv is off: the KV cache and attention stay with the CPU",
            "drop offload_kqv, unless the cache does not fit beside the weights",
        )


def value_type(case: _Case) -> Iterator[Finding]:
    """Keys and values of different types, of which other engines are held against the keys'."""
    keys, values = case.options.type_k, case.options.type_v
    if keys != values:
        yield case.finding(
            "value-type",
            "note",
            f"keys are kept as {keys} and values as {values}: engines are compared by the keys' "
            "type alone",
            "give both the same type",
        )


def model(case: _Case) -> Iterator[Finding]:
    """What llama.cpp cannot load."""
    if case.traits is None:
        return
    if case.traits.format != "gguf":
        yield case.finding(
            "format",
            "risk",
            f"its artifact is a folder of {case.traits.format}; llama.cpp reads GGUF",
            "name a GGUF of the model",
        )
    elif case.traits.architecture not in KNOWN:
        yield case.finding(
            "architecture",
            "risk",
            f"llama.cpp, as of llama-cpp-python 0.3.36, knows no {case.traits.architecture}",
            "take a newer one by `requires`, or another engine",
        )


RULES: tuple[Callable[[_Case], Iterator[Finding]], ...] = (
    row_split,
    pipeline,
    tensor_without_flash,
    peer_to_peer,
    partial_offload,
    value_type,
    model,
)
