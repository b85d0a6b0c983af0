"""The suites that crossbench ships: right, fair by its own rules, and planned without a network."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossbench.artifacts.cache import COMMIT
from crossbench.artifacts.look import PATIENCE_S
from crossbench.artifacts.reference import Hub, parse
from crossbench.plan.options import check_options
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


@pytest.mark.parametrize("name", ["8b", "70b"])
def test_what_a_suite_names_on_the_hub_is_pinned(name: str) -> None:
    suite = load(ROOT / "suites" / f"{name}.toml")
    for written in (suite.model.tokenizer, *(target.artifact for target in suite.targets)):
        wanted = parse(written)
        assert isinstance(wanted, Hub)
        assert COMMIT.fullmatch(wanted.at), written


@pytest.fixture
def silent() -> Iterator[str]:
    """A hub that takes every call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.slow
def test_the_70b_suite_is_planned_in_seconds_where_nothing_of_it_is_and_no_hub_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    """A hub that refuses costs nothing, a silent one is waited for once."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    refused, page = planned(tmp_path, monkeypatch, HF_ENDPOINT="http://127.0.0.1:9")
    assert "cannot be reached" in page
    waited, page = planned(tmp_path, monkeypatch, HF_ENDPOINT=silent)
    assert "did not answer within 1.2 s" in page or "timed out" in page
    offline, page = planned(tmp_path, monkeypatch, HF_ENDPOINT=silent, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set; unset it to fetch" in page
    assert waited < PATIENCE_S + 2 * max(refused, offline)


def planned(folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[float, str]:
    """Seconds that a plan of the 70B suite takes in such an environment, and its page."""
    with monkeypatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        began = time.monotonic()
        done = run_crossbench(folder, "plan", ROOT / "suites" / "70b.toml")
        took = time.monotonic() - began
    assert done.returncode == 3
    assert "the tokenizer is not here" in done.stdout
    assert "vllm-tp2: unavailable: it needs 2 CUDA devices" in done.stdout
    assert "mlx-4bit: unavailable: it needs macos-arm64" in done.stdout
    for target in ("llamacpp-layer", "llamacpp-tensor", "vllm-tp2"):
        assert re.search(
            rf"{target}: would take 2\d\.\d GiB on GPU 0, 2\d\.\d GiB on GPU 1", done.stdout
        )
    assert "a Mac with 54 GiB or more would do" in done.stdout
    assert done.stdout.count("by its model's published shape, as its header was not read") == 4
    assert "Traceback" not in done.stdout + done.stderr
    return took, done.stdout
