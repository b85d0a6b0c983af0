"""`report.md`: a page that reads well on a Git host, in a forum and as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from crossbench.analysis.metric import Metric
from crossbench.api import DeviceMemory, Fact, Loaded
from crossbench.report.model import (
    CellReport,
    NonResultReport,
    Report,
    ScenarioReport,
    TargetReport,
)
from crossbench.report.words import (
    TITLES,
    code,
    counted,
    escaped,
    lengths,
    number,
    plain,
    size,
    table,
    value,
)

SPEEDS = ("ttft_s", "prefill_tps", "decode_tps", "e2e_s")
GAPS = ("tokens_per_chunk", "chunk_gap_p50_s", "chunk_gap_p95_s", "chunk_gap_p99_s")
NONE = "\u2013"


def render(report: Report) -> str:
    """The whole page."""
    parts = [
        _head(report),
        *_results(report),
        *_not_measured(report.non_results),
        *_targets(report),
        _machine(report),
        _integrity(report),
        _definitions(report),
        _reproduce(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report) -> str:
    protocol = report.protocol
    lines = [
        f"# {escaped(report.title)}",
        "",
        f"{escaped(report.model)} on {escaped(report.machine.cpu)}"
        f"{_cuda(report)}, {report.started}, crossbench {report.crossbench}.",
        "",
        f"Profile {protocol.profile}: {counted(protocol.launches, 'launch')} of every target, "
        f"interleaved, each with {counted(protocol.warmups, 'warm-up')} and "
        f"{counted(protocol.repeats, 'repeat')} per prompt. Values are geometric means over "
        "launches, with the range they span in brackets"
        + (" (of the repeats, as there is one launch)." if protocol.launches == 1 else "."),
        "Ranges are no confidence intervals: targets are not ranked here.",
    ]
    if report.outcome != "complete":
        lines += ["", f"**This run is {report.outcome}: what follows is what was measured.**"]
    return "\n".join(lines)


def _cuda(report: Report) -> str:
    devices = report.machine.cuda_devices
    return f" with {escaped(', '.join(devices))}" if devices else ""


def _results(report: Report) -> Iterator[str]:
    yield "## Results"
    for scenario in report.scenarios:
        yield _scenario(scenario)


def _scenario(scenario: ScenarioReport) -> str:
    ending = "at most" if scenario.natural else "exactly"
    head = (
        f"### {escaped(scenario.name)}\n\n"
        f"{counted(len(scenario.prompt_tokens), 'prompt')} of {lengths(scenario.prompt_tokens)} "
        f"tokens, {ending} {scenario.output_tokens:,} output tokens."
    )
    if not scenario.cells:
        return f"{head}\n\nNo target was measured."
    parts = [head, _speeds(scenario), _gaps(scenario), "\n".join(_withheld(scenario))]
    return "\n\n".join(part for part in parts if part)


def _speeds(scenario: ScenarioReport) -> str:
    columns = _told(scenario, SPEEDS)
    rows = [
        [
            escaped(cell.target),
            *(value(_metric(cell, name)) for name in columns),
            cell.cache,
            _count(cell),
        ]
        for cell in scenario.cells
    ]
    header = ["target", *(TITLES[name] for name in columns), "prefill was", "samples"]
    return table(header, rows, numeric=len(columns) + 2)


def _gaps(scenario: ScenarioReport) -> str:
    columns = _told(scenario, GAPS)
    rows = [
        [escaped(cell.target), *(value(_metric(cell, name)) for name in columns)]
        for cell in scenario.cells
    ]
    return table(["target", *(TITLES[name] for name in columns)], rows, numeric=len(columns))


def _told(scenario: ScenarioReport, names: Sequence[str]) -> list[str]:
    """The metrics that at least one target has."""
    return [
        name
        for name in names
        if any(_metric(cell, name).value is not None for cell in scenario.cells)
    ]


def _count(cell: CellReport) -> str:
    whole = cell.valid_samples == cell.planned_samples
    return f"{cell.valid_samples}" if whole else f"{cell.valid_samples} of {cell.planned_samples}"


def _metric(cell: CellReport, name: str) -> Metric:
    return next(metric for metric in cell.metrics if metric.name == name)


def _withheld(scenario: ScenarioReport) -> Iterator[str]:
    """Why numbers are missing, said once for all targets that share the reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for cell in scenario.cells:
        for name in (*SPEEDS, *GAPS):
            metric = _metric(cell, name)
            if metric.reasons:
                word = "" if metric.value is not None else " withheld"
                key = (TITLES[name] + word, "; ".join(metric.reasons))
                told.setdefault(key, []).append(cell.target)
    everyone = [cell.target for cell in scenario.cells]
    for (title, reason), targets in told.items():
        whose = "" if targets == everyone else f" ({escaped(', '.join(targets))})"
        yield f"- {title}{whose}: {escaped(reason)}."


def _not_measured(non_results: Sequence[NonResultReport]) -> Iterator[str]:
    """Each reason once, with the scenarios it cost."""
    if not non_results:
        return
    costs: dict[tuple[str, str, str], list[str]] = {}
    for item in non_results:
        what = item.word + (f" ({item.kind})" if item.kind else "")
        reason = f"{item.reason} [{item.launch}]" if item.launch else item.reason
        costs.setdefault((item.target, what, reason), []).append(item.scenario or "every scenario")
    yield "## Not measured"
    yield "\n".join(
        f"- **{escaped(target)}** on {escaped(', '.join(scenarios))}: {what}: {escaped(reason)}"
        for (target, what, reason), scenarios in costs.items()
    )


def _targets(report: Report) -> Iterator[str]:
    if not report.targets:
        return
    yield "## Targets"
    rows = [
        [
            escaped(target.name),
            escaped(f"{target.backend} {_engine(target)}"),
            f"{escaped(target.artifact.name)}, {size(target.artifact.bytes)}",
            _bits(target.loaded),
            *_resolved(target.loaded),
        ]
        for target in report.targets
    ]
    header = ["target", "engine", "artifact", "bits/weight", "parallelism", "context", "KV cache"]
    yield table([*header, "attention"], rows)
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


def _engine(target: TargetReport) -> str:
    return str(target.loaded.engine_build.value or "unknown build") if target.loaded else NONE


def _bits(loaded: Loaded | None) -> str:
    if loaded is None or not loaded.weight_bytes.value or not loaded.parameters.value:
        return NONE
    return number(8 * loaded.weight_bytes.value / loaded.parameters.value)


def _resolved(loaded: Loaded | None) -> Sequence[str]:
    if loaded is None:
        return [NONE] * 4
    parallelism = loaded.parallelism.value
    devices = ", ".join(device.name for device in loaded.devices)
    return [
        escaped(f"{parallelism.value if parallelism else 'unknown'}: {devices}"),
        _fact(loaded.context_tokens),
        _fact(loaded.kv_dtype),
        _fact(loaded.attention),
    ]


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
    lines = [
        f"- **{escaped(target.name)}** ({escaped(target.plugin)}, variant {target.variant})",
        f"  - artifact sha256 {code(target.artifact.sha256)}",
        f"  - options asked: {code(options) if options else 'none'}",
        f"  - resolved by the engine: {code(settings) if settings else 'nothing told'}",
        f"  - Python {target.python or NONE}; {escaped(versions)}",
    ]
    if target.loaded and target.loaded.ignored:
        lines.append(f"  - ignored by the engine: {escaped(', '.join(target.loaded.ignored))}")
    return "\n".join(lines)


def _machine(report: Report) -> str:
    machine = report.machine
    rows = [
        ["processor", escaped(machine.cpu)],
        ["cores", f"{machine.physical_cores} physical, {machine.logical_cores} logical"],
        ["memory", size(machine.memory_bytes)],
        ["CUDA devices", escaped(", ".join(machine.cuda_devices)) or "none"],
        ["system", escaped(machine.system) + (", under WSL" if machine.wsl else "")],
    ]
    return "## Machine\n\n" + table(["what", "found"], rows)


def _integrity(report: Report) -> str:
    lines = [*_same_ids(report), *_cold(report), *_tokenizers(report), *_samples(report)]
    if errors := [target.stamp_error_s for target in report.targets if target.stamp_error_s]:
        lines.append(
            f"- The driver's own time from stamp to stamp was at most {number(max(errors) * 1e6)} "
            "\u00b5s (99th percentile, worst launch): differences below that are the instrument's."
        )
    changed = [target.name for target in report.targets if not target.resolved_alike]
    if changed:
        lines.append(f"- Launches resolved differently: {escaped(', '.join(changed))}.")
    return "## Integrity\n\n" + "\n".join(lines) if lines else ""


def _same_ids(report: Report) -> Iterator[str]:
    judged = [scenario for scenario in report.scenarios if scenario.same_ids is not None]
    differing = [scenario.name for scenario in judged if not scenario.same_ids]
    if differing:
        yield f"- **Targets were sent different prompt ids**: {escaped(', '.join(differing))}."
    elif judged:
        yield f"- Same prompt ids for every target in {counted(len(judged), 'scenario')}."


def _cold(report: Report) -> Iterator[str]:
    cells = [(scenario.name, cell) for scenario in report.scenarios for cell in scenario.cells]
    doubtful = [
        f"{cell.target} on {name}: {cell.cache}" for name, cell in cells if cell.cache != "cold"
    ]
    if doubtful:
        yield f"- **Not proven cold**: {escaped('; '.join(doubtful))}."
    elif cells:
        yield "- Every prefill was cold: the engines computed every prompt token of every sample."


def _tokenizers(report: Report) -> Iterator[str]:
    told = {target.name: target.tokenizer_agrees for target in report.targets if target.loaded}
    for verdict, sentence in (
        (True, "Artifacts whose own tokenizer gave the canonical ids on the probe texts"),
        (False, "**Artifacts whose own tokenizer gave other ids than the canonical one**"),
        (None, "Artifacts whose tokenizer could not be asked"),
    ):
        if names := [name for name, agrees in told.items() if agrees is verdict]:
            yield f"- {sentence}: {escaped(', '.join(names))}."


def _samples(report: Report) -> Iterator[str]:
    for scenario in report.scenarios:
        for cell in scenario.cells:
            for invalid in cell.invalid:
                yield (
                    f"- Sample left out: {escaped(cell.target)} on {escaped(scenario.name)}, "
                    f"journal line {invalid.line}: {escaped(invalid.reason)}."
                )
    rows = [
        f"{escaped(cell.target)} on {escaped(scenario.name)} {cell.lines[0]} to {cell.lines[1]}"
        for scenario in report.scenarios
        for cell in scenario.cells
    ]
    if rows:
        yield "- Raw samples, by line of `journal.jsonl`: " + "; ".join(rows) + "."


def _definitions(report: Report) -> str:
    return f"""## Definitions (version {report.definitions})

Stamps are taken in the engine's own process, on a monotonic clock, as each chunk of tokens arrives.

- TTFT: from the prompt's ids being handed to the engine to the first chunk with a token.
- prefill: computed prompt tokens / TTFT; it includes the first token's decode and sampling.
- decode: tokens after the first chunk / time from the first to the last chunk; TPOT is its inverse.
- gap: time between two chunks, of as many tokens as stand beside it.
- end to end: from the ids being handed over to the last chunk.
- load: from the start of the process to the loaded session."""


def _reproduce(report: Report) -> str:
    prompts = "\n".join(
        f"- {escaped(scenario.name)}: prompt ids sha256 {code(scenario.prompts_sha256)}"
        for scenario in report.scenarios
    )
    return (
        f"## Reproduce\n\n"
        f"    {plain(' '.join(quote(word) for word in report.command))}\n\n"
        f"Suite {code(report.suite)}, sha256 {code(report.suite_sha256)}; it stands verbatim in "
        f"`run.json`, beside the raw samples in `journal.jsonl`.\n\n{prompts}"
    )
