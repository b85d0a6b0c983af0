"""Whether a target fits what is free now, the largest context that does, and what else would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import Needs
from crossbench.fit.estimate import estimate
from crossbench.fit.footprint import DeviceRoom, Estimate
from crossbench.fit.rooms import usable_bytes
from crossbench.fit.shape import ModelShape

HOST = "host"
"""The name of the machine's own memory among rooms and footprints."""
CONTEXT_STEP = 256
LONGEST_CONTEXT = 2**20
CONTEXT_OPTIONS = ("n_ctx", "max_model_len")
KV_TYPES = ("q8_0", "q4_0")
UNQUANTISED = ("f32", "f16", "bf16")


class Shortfall(Struct, frozen=True, kw_only=True):
    """A device that would have to hold more than it can."""

    device: str
    needed_bytes: int
    usable_bytes: int


class Remedy(Struct, frozen=True, kw_only=True):
    """A change of options with which the target fits."""

    options: Mapping[str, Any]
    words: str


class Fit(Struct, frozen=True, kw_only=True):
    """What can be said before anything is loaded."""

    estimate: Estimate
    fits: bool | None
    """None where some device's free memory is not known."""
    shortfalls: tuple[Shortfall, ...] = ()
    kv_short: bool = False
    """Whether the devices would do, but the KV cache left is too small for the plan."""
    largest_context: int | None = None
    """Tokens, at most those the model was made for; None where not even a short one fits."""
    remedies: tuple[Remedy, ...] = ()
    """Each of which alone would do; of a target that fits, none."""


class _Target(Struct, frozen=True):
    backend: str
    options: Mapping[str, Any]
    shape: ModelShape
    needs: Needs
    rooms: Sequence[DeviceRoom]

    def estimate(self) -> Estimate | None:
        return estimate(self.backend, self.options, self.shape, self.needs, self.rooms)

    def changed(self, **options: Any) -> _Target:
        return replace(self, options={**self.options, **options})

    def with_context(self, tokens: int) -> _Target:
        """The same target, as if the plan needed this many tokens and no option said otherwise."""
        options = {k: v for k, v in self.options.items() if k not in CONTEXT_OPTIONS}
        return replace(self, options=options, needs=replace(self.needs, context_tokens=tokens))

    @property
    def fits(self) -> bool | None:
        found = self.estimate()
        return None if found is None else _fits(found, self)


def advise(
    backend: str,
    options: Mapping[str, Any],
    shape: ModelShape,
    needs: Needs,
    rooms: Sequence[DeviceRoom],
) -> Fit | None:
    """What can be said of a target on these devices, the host's own memory among them.

    None for a backend that is not known: whether its targets fit is then unknown.
    """
    target = _Target(backend, options, shape, needs, rooms)
    found = target.estimate()
    if found is None:
        return None
    fits = _fits(found, target)
    largest = None if fits is None else _largest_context(target)
    return Fit(
        estimate=found,
        fits=fits,
        shortfalls=tuple(_shortfalls(found, target)),
        kv_short=_kv_short(found, needs),
        largest_context=largest,
        remedies=tuple(_remedies(target, largest)) if fits is False else (),
    )


def _fits(found: Estimate, target: _Target) -> bool | None:
    rooms = {room.name: usable_bytes(room, target.options) for room in target.rooms}
    if _kv_short(found, target.needs) or any(_shortfalls(found, target)):
        return False
    known = all(rooms.get(device) is not None for device in _needed(found, target))
    return True if known else None


def _needed(found: Estimate, target: _Target) -> dict[str, int]:
    """Device -> bytes of all its footprints; on unified memory the host's are the GPU's."""
    unified = next((room.name for room in target.rooms if room.kind == "metal"), HOST)
    needed: dict[str, int] = {}
    for footprint in found.footprints:
        device = unified if footprint.device == HOST else footprint.device
        needed[device] = needed.get(device, 0) + footprint.bytes
    return needed


def _kv_short(found: Estimate, needs: Needs) -> bool:
    return found.kv_capacity_tokens < found.context_tokens or (
        found.context_tokens < needs.context_tokens
    )


def _shortfalls(found: Estimate, target: _Target) -> Iterator[Shortfall]:
    needed = _needed(found, target)
    for room in target.rooms:
        usable = usable_bytes(room, target.options)
        if usable is not None and needed.get(room.name, 0) > usable:
            yield Shortfall(device=room.name, needed_bytes=needed[room.name], usable_bytes=usable)


def _largest_context(target: _Target) -> int | None:
    most = min(target.shape.context_tokens or LONGEST_CONTEXT, LONGEST_CONTEXT)
    low, high = 0, max(1, most // CONTEXT_STEP)
    while low < high:
        middle = (low + high + 1) // 2
        if target.with_context(middle * CONTEXT_STEP).fits:
            low = middle
        else:
            high = middle - 1
    return low * CONTEXT_STEP or None


def _remedies(target: _Target, largest: int | None) -> Iterator[Remedy]:
    if largest:
        key = {"llamacpp": "n_ctx", "vllm": "max_model_len"}.get(target.backend)
        yield Remedy(options={key: largest} if key else {}, words=f"a context of {largest} tokens")
    changes = {"llamacpp": _llamacpp, "vllm": _vllm, "mlx": _mlx}[target.backend]
    for words, options in changes(target):
        if target.changed(**options).fits:
            yield Remedy(options=options, words=words)


def _llamacpp(target: _Target) -> Iterator[tuple[str, dict[str, Any]]]:
    given = target.options
    if given.get("type_k", "f16") in UNQUANTISED and given.get("flash_attn") != "off":
        for kind in KV_TYPES:
            yield f"a KV cache of {kind}", {"type_k": kind, "type_v": kind}
    if given.get("n_ubatch", 512) > 128:
        yield "micro-batches of 128 tokens", {"n_ubatch": 128}
    gpus = [room for room in target.rooms if room.kind != "host"]
    if len(gpus) > 1 and given.get("split_mode") == "none":
        yield "sharing it between the devices", {"split_mode": "layer", "main_gpu": 0}
    if len(gpus) == 2 and given.get("split_mode", "layer") != "none":
        yield from _splits(target)
    if gpus and (layers := _offloadable(target)):
        yield f"{layers} layers on the GPU, the others on the host", {"n_gpu_layers": layers}


def _splits(target: _Target) -> Iterator[tuple[str, dict[str, Any]]]:
    """The most even split of layers between two devices that fits."""
    count = len(target.shape.layers) + 1
    for first in sorted(range(1, count), key=lambda n: abs(2 * n - count)):
        options = {"tensor_split": [first, count - first]}
        if target.changed(**options).fits:
            yield f"a tensor_split of {options['tensor_split']}", options
            return


def _offloadable(target: _Target) -> int:
    """The most layers that may be on GPUs; 0 for none."""
    low, high = 0, len(target.shape.layers)
    while low < high:
        middle = (low + high + 1) // 2
        if _short_of_gpu(target.changed(n_gpu_layers=middle)):
            high = middle - 1
        else:
            low = middle
    return low


def _short_of_gpu(target: _Target) -> bool:
    hosts = {room.name for room in target.rooms if room.kind == "host"}
    found = target.estimate()
    return found is None or any(s.device not in hosts for s in _shortfalls(found, target))


def _vllm(target: _Target) -> Iterator[tuple[str, dict[str, Any]]]:
    if target.options.get("kv_cache_dtype", "auto") == "auto":
        yield "a KV cache of fp8", {"kv_cache_dtype": "fp8"}
    for share in (0.95, 0.9, 0.85, 0.8):
        yield f"a gpu_memory_utilization of {share:g}", {"gpu_memory_utilization": share}
    gpus = [room for room in target.rooms if room.kind != "host"]
    ranks = target.options.get("tensor_parallel_size", 1)
    heads = target.shape.layers[0].heads
    for count in range(ranks + 1, len(gpus) + 1):
        if heads % count == 0:
            yield f"tensor_parallel_size {count}", {"tensor_parallel_size": count}


def _mlx(target: _Target) -> Iterator[tuple[str, dict[str, Any]]]:
    if target.options.get("kv_bits") is None:
        for bits in (8, 4):
            yield f"a KV cache of {bits} bits", {"kv_bits": bits}
    yield "prefill steps of 512 tokens", {"prefill_step_size": 512}
    total = next((room.total_bytes for room in target.rooms if room.kind == "metal"), None)
    if total is not None:
        mib = round(0.9 * total) // 2**20
        yield (
            f"a wired limit of {mib} MiB (sudo sysctl iogpu.wired_limit_mb={mib})",
            {"wired_limit_mib": mib},
        )
