from __future__ import annotations

import json
from statistics import fmean, stdev

import pytest

from crossbench.report.llama_bench import render
from tests.report.material import usual

USED = {
    *("build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename"),
    *("model_type", "model_size", "model_n_params", "n_batch", "n_ubatch", "n_threads"),
    *("type_k", "type_v", "n_gpu_layers", "split_mode", "main_gpu", "flash_attn", "tensor_split"),
    *("n_prompt", "n_gen", "n_depth", "test_time"),
    *("avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts"),
}
"""Keys of `llama-bench -o jsonl` that scripts group, plot and compare by."""


def lines() -> list[dict[str, object]]:
    return [json.loads(line) for line in render(usual()).splitlines()]


def test_every_line_has_the_keys_of_llama_bench() -> None:
    for line in lines():
        assert set(line) >= USED


def test_prefill_and_decode_are_tests_of_their_own() -> None:
    told = [(line["n_prompt"], line["n_gen"], line["n_depth"]) for line in lines()]
    assert told[:3] == [(0, 24, 32)] * 3
    assert told[3:5] == [(300, 0, 0), (0, 24, 300)]
    assert len(told) == 3 + 6 + 6


def test_the_samples_are_the_launches() -> None:
    report = usual()
    line = lines()[3]
    metric = next(
        metric for metric in report.scenarios[1].cells[0].metrics if metric.name == "prefill_tps"
    )
    rates = list(metric.launches.values())
    assert line["samples_ts"] == rates
    assert line["avg_ts"] == fmean(rates)
    assert line["stddev_ts"] == pytest.approx(stdev(rates), rel=1e-9)
    assert line["samples_ns"] == [round(300 / rate * 1e9) for rate in rates]
    assert line["avg_ns"] == pytest.approx(300 / fmean(rates) * 1e9, rel=0.001)


def test_what_the_engine_does_not_tell_is_null() -> None:
    assert lines()[0]["build_number"] is None
    assert lines()[0]["n_gpu_layers"] is None
    assert lines()[0]["n_threads"] == 1
