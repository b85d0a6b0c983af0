"""What each target is: what its engine resolved, how it loads, what it holds in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.api import DeviceMemory, Fact, Loaded
from crossbench.report.model import Report, TargetReport
from crossbench.report.words import TITLES, code, escaped, number, size, table, value

NONE = "\u2013"
RESOLVED = ("parallelism", "context", "KV cache", "attention", "prefix cache", "stamps taken in")
HOW = {
    "wheel": "from prebuilt wheels",
    "build": "compiled on this machine",
    "named": "in an interpreter the user named",
    "host": "in crossbench's own interpreter",
}


def targets(report: Report) -> Iterator[str]:
    """The tables and the settings of all targets."""
    if not report.targets:
        return
    yield "## Targets"
    rows = [
        [
            escaped(target.name),
            escaped(_engine(target)),
            f"{escaped(target.artifact.name)}, {size(target.artifact.bytes)}",
            bits(target.loaded),
            *_resolved(target.loaded),
        ]
        for target in report.targets
    ]
    yield table(["target", "engine", "artifact", "bits/weight", *RESOLVED], rows)
    yield "How long each takes to be ready, and its first request over the steady ones:"
    rows = [
        [escaped(target.name), *(value(metric) for metric in target.metrics)]
        for target in report.targets
    ]
    titles = [TITLES[metric.name] for metric in report.targets[0].metrics]
    yield table(["target", *titles], rows, numeric=len(titles))
    if memory := [row for target in report.targets for row in _memory(target)]:
        yield "Memory as the engine itself splits it, after the last sample:"
        header = ["target", "device", "weights", "KV cache", "compute", "in all"]
        yield table(header, memory, numeric=4)
    yield "\n".join(_settings(target) for target in report.targets)
    if rows := list(_native(report)):
        yield "What the engines say of themselves, by their own definitions, never compared:"
        yield table(["target", "scenario", "figures"], rows)


def _native(report: Report) -> Iterator[list[str]]:
    for scenario in report.scenarios:
        for cell in scenario.cells:
            if cell.native:
                told = ", ".join(f"{name} {number(value)}" for name, value in cell.native.items())
                yield [escaped(cell.target), escaped(scenario.name), escaped(told)]


def _engine(target: TargetReport) -> str:
    return str(target.loaded.engine_build.value or "unknown build") if target.loaded else NONE


def bits(loaded: Loaded | None) -> str:
    """Bits per weight, of the weights as they are loaded."""
    if loaded is None or not loaded.weight_bytes.value or not loaded.parameters.value:
        return NONE
    return number(8 * loaded.weight_bytes.value / loaded.parameters.value)


def _resolved(loaded: Loaded | None) -> Sequence[str]:
    if loaded is None:
        return [NONE] * len(RESOLVED)
    parallelism = loaded.parallelism.value
    devices = ", ".join(device.name for device in loaded.devices)
    return [
        escaped(f"{parallelism.value if parallelism else 'unknown'}: {devices or 'not told'}"),
        _fact(loaded.context_tokens),
        _kv(loaded),
        _fact(loaded.attention),
        {True: "on", False: "off", None: NONE}[loaded.prefix_cache.value],
        loaded.boundary.value.replace("_", " "),
    ]


def _kv(loaded: Loaded) -> str:
    capacity = loaded.kv_capacity_tokens.value
    told = _fact(loaded.kv_dtype)
    return f"{told}, {capacity:,} tokens" if capacity is not None else told


def _fact(fact: Fact[int] | Fact[str]) -> str:
    if fact.value is None:
        return NONE
    return f"{fact.value:,}" if isinstance(fact.value, int) else escaped(fact.value)


def _memory(target: TargetReport) -> Iterator[list[str]]:
    for device, memory in (target.memory_ended or target.memory_loaded).items():
        split = (memory.weights_bytes, memory.kv_bytes, memory.compute_bytes)
        yield [escaped(target.name), escaped(device), *map(size, split), size(_whole(memory))]


def _whole(memory: DeviceMemory) -> int | None:
    if memory.used_bytes is not None:
        return memory.used_bytes
    told = [memory.weights_bytes, memory.kv_bytes, memory.compute_bytes]
    known = [count for count in told if count is not None]
    return sum(known) if known else None


def _settings(target: TargetReport) -> str:
    options = ", ".join(f"{key} = {given}" for key, given in sorted(target.options.items()))
    resolved = target.loaded.settings if target.loaded else {}
    settings = ", ".join(f"{key} = {fact.value}" for key, fact in sorted(resolved.items()))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(target.versions.items()))
    origin = f"{target.plugin}, variant {target.variant}, {HOW[target.how]}"
    lines = [
        f"- **{escaped(target.name)}** ({escaped(origin)})",
        f"  - artifact sha256 {code(target.artifact.sha256)}",
        f"  - options asked: {code(options) if options else 'none'}",
        f"  - resolved by the engine: {code(settings) if settings else 'nothing told'}",
        f"  - Python {escaped(target.python or NONE)}; {escaped(versions)}",
    ]
    if target.requires:
        required = ", ".join(target.requires)
        lines.append(f"  - an environment of its own, with {code(required)}")
    if target.loaded and target.loaded.ignored:
        lines.append(f"  - ignored by the engine: {escaped(', '.join(target.loaded.ignored))}")
    return "\n".join(lines)
