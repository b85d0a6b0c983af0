"""Servers of eight kinds: told apart, and asked for nothing they would drop without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from crossbench.api import Request, Sampling
from crossbench_openai import kinds
from crossbench_openai.body import Bodies
from crossbench_openai.kinds import KINDS, STANDARD, KindName
from crossbench_openai.options import OpenAIOptions
from crossbench_openai.server import Server
from tests.conftest import ROOT

README = ROOT / "plugins" / "crossbench-openai" / "README.md"
WORDS: dict[KindName, tuple[str | None, str, str]] = {
    "vllm": ("vllm", "FastAPI", "uvicorn"),
    "llama-server": ("llamacpp", "", "llama.cpp"),
    "llama-cpp-python": ("me", "\U0001f999 llama.cpp Python API", "uvicorn"),
    "sglang": ("sglang", "FastAPI", "uvicorn"),
    "tensorrt-llm": ("tensorrt_llm", "FastAPI", "uvicorn"),
    "lm-studio": ("organization_owner", "", ""),
    "ollama": ("library", "", ""),
    "mlx-lm": (None, "", "BaseHTTP/0.6 Python/3.11.9"),
}
"""Owner of the models, title of the schema, `Server` header."""
EXACT: dict[KindName, str | None] = {
    "vllm": "ignore_eos",
    "llama-server": "ignore_eos",
    "llama-cpp-python": "min_tokens",
    "sglang": "ignore_eos",
    "tensorrt-llm": "ignore_eos",
    "lm-studio": None,
    "ollama": None,
    "mlx-lm": "logit_bias",
}


def bodies(name: KindName, ends: tuple[int, ...] = (5, 1), **more: Any) -> Bodies:
    """Those of a server of this kind that publishes no schema."""
    kind = kinds.named(name)
    server = Server(
        model="m",
        kind=kind,
        build=None,
        context_tokens=None,
        path="completions",
        fields=STANDARD | kind.takes,
        schema_told=False,
    )
    return Bodies(server, OpenAIOptions(base_url="http://127.0.0.1:1/v1", **more), ends)


def body(name: KindName, **more: Any) -> Any:
    request = Request(id="r", prompt_ids=(1, 2), max_tokens=7, **more)
    return bodies(name).of(request, {"prompt": [1, 2]})


def test_every_name_is_one_kind() -> None:
    assert sorted(kind.name for kind in KINDS) == sorted(get_args(KindName))
    assert all(kinds.named(kind.name) is kind for kind in KINDS)


@pytest.mark.parametrize("name", WORDS)
def test_a_kind_is_told_by_what_it_says_of_itself(name: KindName) -> None:
    found = kinds.by_word(*WORDS[name])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "words",
    [
        ("scripted", "", ""),
        (None, "FastAPI", "uvicorn"),
        ("x", "My API", "BaseHTTP/0.6"),
        (7, "", ""),
    ],
)
def test_what_is_of_no_known_kind_is_taken_for_none(words: tuple[Any, str, str]) -> None:
    assert kinds.by_word(*words) is None


@pytest.mark.parametrize("name", EXACT)
def test_length_is_forced_by_what_the_kind_has(name: KindName) -> None:
    made = bodies(name)
    assert made.forced_by == EXACT[name]
    assert ("exact output length" in made.ignored()) == (EXACT[name] is None)
    asked = body(name)
    assert asked.get("ignore_eos") is (True if EXACT[name] == "ignore_eos" else None)
    assert asked.get("min_tokens") == (7 if EXACT[name] == "min_tokens" else None)
    bars = {"5": -100.0, "1": -100.0}
    assert asked.get("logit_bias") == (bars if EXACT[name] == "logit_bias" else None)


def test_where_nothing_is_known_to_end_an_answer_nothing_is_barred() -> None:
    made = bodies("mlx-lm", ends=())
    assert made.forced_by is None
    assert "exact output length" in made.ignored()


@pytest.mark.parametrize("name", EXACT)
def test_nothing_is_sent_that_the_kind_does_not_take(name: KindName) -> None:
    taken = STANDARD | kinds.named(name).takes
    assert set(body(name)) <= taken
    assert set(body(name, stop_ids=(5,))) <= taken


def test_caches_and_penalties_are_off_where_they_can_be() -> None:
    assert body("llama-server")["cache_prompt"] is False
    assert body("llama-server")["repeat_penalty"] == 1.0
    assert body("vllm")["repetition_penalty"] == 1.0
    assert "repetition_penalty" not in body("mlx-lm")
    assert "min_p" not in body("ollama")


def test_a_seed_is_sent_only_where_something_is_drawn() -> None:
    assert "seed" not in body("mlx-lm")
    assert body("mlx-lm", sampling=Sampling(temperature=1.0, seed=7))["seed"] == 7


def test_ids_or_counts_are_asked_for_where_they_can_be_had() -> None:
    assert body("vllm")["return_token_ids"] is True
    assert body("vllm")["stream_options"] == {"include_usage": True}
    counted = {"include_usage": True, "continuous_usage_stats": True}
    assert body("sglang")["stream_options"] == body("tensorrt-llm")["stream_options"] == counted
    assert body("ollama")["stream_options"] == {"include_usage": True}


def test_what_a_suite_adds_is_sent_and_believed() -> None:
    made = bodies("ollama", extra_body={"ignore_eos": True})
    assert made.forced_by == "ignore_eos"
    assert made.of(Request(id="r", prompt_ids=(1,), max_tokens=1), {})["ignore_eos"] is True


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """Kind -> the cells of its row in the README."""
    lines = [line.split("|") for line in README.read_text().splitlines() if line[:3] == "| `"]
    return {cells[1].strip(" `"): [cell.strip(" `") for cell in cells[2:-1]] for cells in lines}


def test_the_readme_lists_each_kind_with_what_forces_its_length(rows: dict[str, list[str]]) -> None:
    assert {name: rows[name][0] for name in EXACT} == {
        name: forced or "no" for name, forced in EXACT.items()
    }


def test_the_readme_tells_which_kinds_were_run_and_what_the_others_rest_on(
    rows: dict[str, list[str]],
) -> None:
    real = {"vllm": "vllm_serve", "llama-cpp-python": "llama_cpp_server", "mlx-lm": "mlx_lm_server"}
    for name in EXACT:
        known_from = rows[name][-1]
        if name in real:
            assert known_from.startswith("**run**: ")
            assert Path(__file__).with_name(f"test_{real[name]}.py").exists()
        else:
            assert "](https://" in known_from
