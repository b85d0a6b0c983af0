from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import fmean, stdev

import pytest

from crossbench.report.llama_bench import render
from tests.comparison.scripted import Script, settled, write
from tests.conftest import Crossbench
from tests.report.material import made, usual
from tests.report.test_load import suite

USED = {
    *("build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename"),
    *("model_type", "model_size", "model_n_params", "n_batch", "n_ubatch", "n_threads"),
    *("type_k", "type_v", "n_gpu_layers", "split_mode", "main_gpu", "flash_attn", "tensor_split"),
    *("n_prompt", "n_gen", "n_depth", "test_time", "n_cpu_moe", "no_kv_offload", "devices"),
    *("load_mode", "no_op_offload", "no_host"),
    *("avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts"),
}
"""Keys of `llama-bench -o jsonl` that scripts group, plot and compare by."""


COMPARED = (
    *("cpu_info", "gpu_info", "backends", "n_gpu_layers", "tensor_buft_overrides"),
    *("model_filename", "model_type", "n_batch", "n_ubatch", "embeddings", "cpu_mask"),
    *("cpu_strict", "poll", "n_threads", "type_k", "type_v", "use_mmap", "no_kv_offload"),
    *("split_mode", "main_gpu", "tensor_split", "flash_attn", "n_prompt", "n_gen", "n_depth"),
)
"""By what llama.cpp's scripts/compare-llama-bench.py joins the lines of two builds, in SQLite."""


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


def test_what_the_engine_does_not_tell_is_null_or_empty_where_lines_are_joined_by_it() -> None:
    assert lines()[0]["build_number"] is None
    assert lines()[0]["n_gpu_layers"] == ""
    assert lines()[0]["n_threads"] == 1


def test_a_script_that_joins_builds_in_sqlite_finds_every_test_again() -> None:
    """As it does: a row for each line, of what a column can hold, joined by equality."""
    loaded = settled(tensor_split=[3.0, 1.0], load_mode="mmap")
    report = made({"one": Script(loaded=loaded)}, {"long": 300})
    told = [json.loads(line) for line in render(report).splitlines()]
    columns = (*COMPARED, "build_commit", "avg_ts")
    with closing(sqlite3.connect(":memory:")) as data:
        data.execute(f"CREATE TABLE bench({', '.join(columns)})")
        for build in ("before", "after"):
            rows = [{**line, "build_commit": build} for line in told]
            places = ", ".join("?" * len(columns))
            data.executemany(
                f"INSERT INTO bench VALUES({places})",
                [tuple(row[column] for column in columns) for row in rows],
            )
        equal = " AND ".join(f"b.{name} = c.{name}" for name in COMPARED)
        found = data.execute(
            f"SELECT COUNT(*) FROM bench b JOIN bench c ON {equal} "
            "AND b.build_commit = 'before' AND c.build_commit = 'after'"
        ).fetchone()
    assert found == (len(told),) == (2,)
    assert told[0]["tensor_split"] == "3.00/1.00"
    assert told[0]["use_mmap"] is True


@pytest.mark.slow
def test_what_was_measured_under_load_is_said_to_have_no_row(
    crossbench: Crossbench, tmp_path: Path
) -> None:
    def reported(name: str, load: str, formats: str) -> tuple[str, str]:
        folder = tmp_path / name
        folder.mkdir()
        script = {"even": Script()}
        run = write(folder / "run", suite(folder, {"chat": load}, script), script)
        done = crossbench("report", run, "--format", formats)
        assert done.returncode == 0
        return (run / "report.llama-bench.jsonl").read_text(), done.stderr

    told, said = reported("loaded", "concurrency = [1, 2]\nrequests = 20", "llama-bench")
    assert told == ""
    assert "no row for what was measured under load, which is chat-c1, chat-c2" in said
    told, said = reported("alone", "", "csv,llama-bench")
    assert told
    assert "under load" not in said
