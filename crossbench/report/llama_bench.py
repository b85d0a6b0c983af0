"""`report.llama-bench.jsonl`: our numbers in the lines of `llama-bench -o jsonl`.

For scripts that read those. Prefill stands as n_prompt tokens with n_gen 0; decode as n_gen tokens
with n_prompt 0 at the depth of the prompt. The definitions stay ours: one sample is one launch, and
prefill includes the first token's decode. What an engine does not tell is null, or an empty text
where scripts find the same test in another file by it: in SQL nothing equals null.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import msgspec

from crossbench.analysis.metric import Metric
from crossbench.report.headline import found_of
from crossbench.report.model import Report, ScenarioReport, TargetReport
from crossbench.report.views import run_of

SETTINGS = (
    "n_batch",
    "n_ubatch",
    "n_gpu_layers",
    "n_cpu_moe",
    "split_mode",
    "main_gpu",
    "no_kv_offload",
    "tensor_split",
    "load_mode",
    "no_op_offload",
    "type_k",
    "type_v",
)
"""What llama-bench tells by these names, as far as the engine resolved it by them too."""
UNTOLD = ("cpu_mask", "cpu_strict", "devices", "no_host", "poll", "tensor_buft_overrides")
"""What llama-bench tells besides, and no engine here."""
COMPARED = frozenset(
    {
        *SETTINGS,
        *UNTOLD,
        *("n_threads", "flash_attn", "use_mmap", "embeddings"),
        *("cpu_info", "gpu_info", "backends", "model_filename", "model_type"),
    }
)
"""By these `compare-llama-bench.py` finds the tests of one build again in another."""
NS = 1e9


def render(report: Report) -> str:
    """A line of JSON for each prefill and each decode that was measured."""
    return "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines(report))


def lines(report: Report) -> Iterator[dict[str, Any]]:
    """In the order of scenarios and targets."""
    targets = {target.name: _target(report, target) for target in report.targets}
    for scenario in report.scenarios:
        if scenario.load is not None:
            continue
        prompt = round(fmean(scenario.prompt_tokens))
        for cell in scenario.cells:
            told = targets[cell.target]
            named = {"crossbench_target": cell.target, "crossbench_scenario": scenario.name}
            for metric, work in (
                ("prefill_tps", {"n_prompt": prompt, "n_gen": 0, "n_depth": 0}),
                ("decode_tps", {"n_prompt": 0, "n_gen": scenario.output_tokens, "n_depth": prompt}),
            ):
                found = found_of(cell, metric)
                if found is not None and found.launches:
                    yield {**told, **work, **_times(found, _tokens(work, scenario)), **named}


def loaded(report: Report) -> list[str]:
    """Scenarios that were measured and have no line here: llama-bench runs one stream."""
    return [each.name for each in report.scenarios if each.load is not None and each.cells]


def _tokens(work: dict[str, int], scenario: ScenarioReport) -> int:
    """Tokens of one test, for its nanoseconds."""
    return work["n_prompt"] or scenario.output_tokens


def _target(report: Report, target: TargetReport) -> dict[str, Any]:
    loaded, run = target.loaded, run_of(report, target.name)
    settings = {name: _flat(fact.value) for name, fact in loaded.settings.items()} if loaded else {}
    devices = [device for device in loaded.devices if device.kind == "gpu"] if loaded else []
    cache = loaded.kv_dtype.value if loaded else None
    attention = loaded.attention.value if loaded else None
    known = {
        "build_commit": loaded.engine_build.value if loaded else None,
        "build_number": None,
        "cpu_info": run.machine.cpu,
        "gpu_info": ", ".join(device.name for device in devices),
        "backends": target.backend,
        "model_filename": target.artifact.name,
        "model_type": report.model,
        "model_size": loaded.weight_bytes.value if loaded else None,
        "model_n_params": loaded.parameters.value if loaded else None,
        "n_threads": settings.get("threads"),
        "flash_attn": None if attention is None else int(attention == "flash"),
        **dict.fromkeys(UNTOLD),
        **{name: settings.get(name) for name in SETTINGS},
        "use_mmap": _mapped(settings.get("load_mode")),
        "embeddings": False,
        "type_k": settings.get("type_k", cache),
        "type_v": settings.get("type_v", cache),
        "test_time": run.started,
    }
    return {name: "" if told is None and name in COMPARED else told for name, told in known.items()}


def _flat(value: Any) -> Any:
    """Numbers of several devices in one text, as llama-bench has them: `3.00/1.00`."""
    if isinstance(value, list | tuple):
        return "/".join(f"{each:.2f}" if isinstance(each, float) else str(each) for each in value)
    return value


def _mapped(load_mode: Any) -> bool | None:
    """Older ones told nothing else of how weights are loaded."""
    return None if load_mode is None else "mmap" in str(load_mode)


def _times(metric: Metric, tokens: int) -> dict[str, Any]:
    """Rates of the launches, and the time that so many tokens take at each."""
    rates = list(metric.launches.values())
    times = [round(tokens / rate * NS) for rate in rates]
    return {
        "avg_ns": round(fmean(times)),
        "stddev_ns": round(_deviation(times)),
        "avg_ts": fmean(rates),
        "stddev_ts": _deviation(rates),
        "samples_ns": times,
        "samples_ts": rates,
    }


def _deviation(values: Sequence[float]) -> float:
    """Of a sample; 0 of a single value."""
    mean = fmean(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0
