"""What llama.cpp's load log says it resolved: attention, KV types, layers and buffers by device.

The patterns follow the messages of llama.cpp 0.5 (`llama.cpp`, `llama-model.cpp`,
`llama-context.cpp` and `llama-kv-cache.cpp`). A line that is absent leaves its fact None.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.api import DeviceMemory, Parallelism
from crossbench_llamacpp.options import LlamaCppOptions, SplitMode

Attention: TypeAlias = Literal["flash", "standard"]

MIB = 1024 * 1024
CPU = "CPU"

DEVICE = re.compile(r"using device (\S+) \(")
META_MEMBER = re.compile(r"- device \d+: (\S+)")
LAYER = re.compile(r"layer\s+\d+ assigned to device ([^\s,]+)")
OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
LOAD_MODE = re.compile(r"\(load_mode = (\w+)\)")
MLOCK_FAILED = re.compile(r"failed to mlock|mlock not supported")
FLASH = re.compile(r"llama_context: flash_attn\s+= (\w+)")
FLASH_PROBED = re.compile(r"Flash Attention (enabled|not supported)")
PIPELINE = re.compile(r"pipeline parallelism enabled")
PIPELINE_DROPPED = re.compile(r"retrying without pipeline parallelism")
CACHE = re.compile(r"\(\s*(\d+) cells,.*/(\d+) seqs\), K \((\w+)\):.*V \((\w+)\):")
"""Cells of each buffer, how many buffers (one that all sequences share, or one each), types."""
UNIFIED = re.compile(r"kv_unified\s+= (true|false)")
SUFFIXED = re.compile(r"([A-Za-z]+\d+(?:\[\S+\])?)_\w+")
BUFFER = re.compile(r"(\S+)\s+(model|KV|RS|compute|output) buffer size =\s+([\d.]+) MiB")


class Resolved(Struct, frozen=True, kw_only=True):
    """One load, as its log tells it. Devices are called by ggml's names ("CUDA0")."""

    devices: tuple[str, ...]
    """Devices other than the CPU that were opened, in llama.cpp's order."""
    layers: Mapping[str, int]
    """Device -> layers it holds, the output layer included."""
    offloaded: str | None
    """Layers on GPUs "of" all layers, such as "33/33"."""
    load_mode: str | None
    mlock_failed: bool
    attention: Attention | None
    pipeline: bool
    """Whether micro-batches overlap between devices."""
    kv_types: tuple[str, str] | None
    """Key and value type."""
    kv_cells: int | None
    """Capacity of the largest KV cache, in tokens, all sequences together."""
    kv_unified: bool | None
    """Whether all sequences share one KV cache."""
    memory: Mapping[str, DeviceMemory]
    """Pool -> buffers, rounded to 0.01 MiB by the log. See `pool`."""


def read(lines: Iterable[str]) -> Resolved:
    """The facts of one load's log."""
    log = list(lines)
    devices = tuple(_all(META_MEMBER, log) or _all(DEVICE, log))
    caches = [match for line in log if (match := CACHE.search(line))]
    return Resolved(
        devices=devices,
        layers=dict(Counter(_all(LAYER, log))),
        offloaded=next((f"{m[1]}/{m[2]}" for line in log if (m := OFFLOADED.search(line))), None),
        load_mode=_last(LOAD_MODE, log),
        mlock_failed=any(MLOCK_FAILED.search(line) for line in log),
        attention=_attention(log),
        pipeline=any(PIPELINE.search(line) for line in log)
        and not any(PIPELINE_DROPPED.search(line) for line in log),
        kv_types=(caches[0][3], caches[0][4]) if caches else None,
        kv_cells=max((int(match[1]) * int(match[2]) for match in caches), default=None),
        kv_unified={"true": True, "false": False}.get(_last(UNIFIED, log) or ""),
        memory=_memory(log),
    )


def pool(buffer: str) -> str:
    """The memory a buffer type takes: pinned host memory is the CPU's, "CUDA0_Split" CUDA0's."""
    if buffer.endswith("_Host") or buffer.startswith(CPU):
        return CPU
    suffixed = SUFFIXED.fullmatch(buffer)
    return suffixed[1] if suffixed else buffer


def used_devices(resolved: Resolved) -> tuple[str, ...]:
    """Devices that hold layers or compute, by ggml's names; the CPU only where it holds layers."""
    shared = any(map(is_meta, resolved.layers))
    accelerators = tuple(
        name
        for name in resolved.devices
        if shared
        or name in resolved.layers
        or (name in resolved.memory and resolved.memory[name].compute_bytes)
    )
    return accelerators + ((CPU,) if CPU in resolved.layers or not accelerators else ())


def is_meta(name: str) -> bool:
    """Whether this is the one device behind which a tensor split hides its members."""
    return name.startswith("Meta(")


def parallelism(split_mode: SplitMode, resolved: Resolved) -> Parallelism:
    """How devices share the model. Under a layer split they take turns, which is a pipeline."""
    if split_mode in {"row", "tensor"} and len(used_devices(resolved)) > 1:
        return Parallelism.TENSOR
    return Parallelism.PIPELINE if len(resolved.layers) > 1 else Parallelism.NONE


def ignored(options: LlamaCppOptions, resolved: Resolved) -> tuple[str, ...]:
    """Options given that had no effect here."""
    names = []
    if options.n_gpu_layers > 0 and not resolved.devices:
        names.append("n_gpu_layers")
    if options.use_mlock and resolved.mlock_failed:
        names.append("use_mlock")
    return tuple(names)


def _all(pattern: re.Pattern[str], log: Sequence[str]) -> list[str]:
    return [match[1] for line in log if (match := pattern.search(line))]


def _last(pattern: re.Pattern[str], log: Sequence[str]) -> str | None:
    found = _all(pattern, log)
    return found[-1] if found else None


def _attention(log: Sequence[str]) -> Attention | None:
    """What was asked, or under `auto` what the probe of every layer found."""
    asked = _last(FLASH, log)
    answer = _last(FLASH_PROBED, log) if asked == "auto" else asked
    if answer is None:
        return None
    return "flash" if answer == "enabled" else "standard"


def _memory(log: Sequence[str]) -> dict[str, DeviceMemory]:
    """Sums of the buffers of each pool.

    Compute buffers are logged again when they are reserved again, so their last line counts.
    """
    sums: dict[str, Counter[str]] = {}
    compute: dict[str, int] = {}
    for match in filter(None, map(BUFFER.search, log)):
        buffer, kind, size = match[1], match[2], round(float(match[3]) * MIB)
        held = sums.setdefault(pool(buffer), Counter())
        if kind == "compute":
            compute[buffer] = size
        else:
            held[kind] += size
    for buffer, size in compute.items():
        sums[pool(buffer)]["compute"] += size
    return {name: _device_memory(held) for name, held in sums.items()}


def _device_memory(held: Counter[str]) -> DeviceMemory:
    return DeviceMemory(
        weights_bytes=held["model"],
        kv_bytes=held["KV"] + held["RS"],
        compute_bytes=held["compute"] + held["output"],
        used_bytes=held.total(),
    )
