"""The suites that crossbench ships: right, fair by its own rules, and planned without a network."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crossbench.plan.build import check_options
from crossbench.registry import Registry
from crossbench.suite.load import load
from tests.conftest import ROOT, run_crossbench

SUITES = sorted((ROOT / "suites").glob("*.toml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_of_ours_is_right_and_its_targets_take_its_options(path: Path) -> None:
    suite = load(path)
    check_options(path, suite, Registry())
    assert suite.quality is not None
    assert suite.quality.reference in {target.name for target in suite.targets}


@pytest.mark.parametrize("name", ["8b", "70b"])
def test_no_prompt_is_longer_than_the_context_that_a_suite_sets(name: str) -> None:
    suite = load(ROOT / "suites" / f"{name}.toml")
    longest = max(
        (prompt.synthetic_tokens or 0) + scenario.output_tokens
        for scenario in suite.scenarios
        for prompt in scenario.prompts
    )
    for target in suite.targets:
        context = target.options.get("n_ctx", target.options.get("max_model_len", longest))
        assert longest <= context


@pytest.mark.slow
def test_the_70b_suite_is_planned_in_seconds_where_nothing_of_it_is_and_no_hub_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    done = run_crossbench(tmp_path, "plan", ROOT / "suites" / "70b.toml")
    assert time.monotonic() - began < 6
    assert done.returncode == 3
    assert "the tokenizer is not here" in done.stdout
    assert "vllm-tp2: unavailable: it needs 2 CUDA devices" in done.stdout
    assert "mlx-4bit: unavailable: it needs macos-arm64" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
