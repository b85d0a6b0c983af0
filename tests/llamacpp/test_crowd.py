"""Several requests at once: each gives what it gives alone, cold, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from crossbench_llamacpp.perf import all_computed
from tests.llamacpp.conftest import Probe
from tests.llamacpp.live import STRICT

LENGTHS = [1, 3, 63, 64, 65, 150]
"""Prompts shorter and longer than a call of 64 tokens, which all six share."""


class Counters:
    """`llama_perf_context_data`, as far as it counts."""

    t_p_eval_ms = t_eval_ms = 0.0

    def __init__(self, n_p_eval: int, n_eval: int) -> None:
        self.n_p_eval = n_p_eval
        self.n_eval = n_eval


@pytest.mark.parametrize(
    ("prompts", "singles", "fed"),
    [(1, 5, 5), (7, 1, 7), (7, 1, 8), (7, 5, 12), (2, 1, 3)],
)
def test_as_many_tokens_computed_as_fed_prove_it(prompts: int, singles: int, fed: int) -> None:
    """llama.cpp reports each count as at least 1; 1 prompt token is always evaluated singly."""
    assert all_computed(Counters(prompts, singles), fed)
    assert not all_computed(Counters(prompts, singles), fed + 2)
    assert not all_computed(Counters(prompts, singles), fed - 2)


@pytest.mark.engine("llamacpp")
@pytest.mark.parametrize("unified", [False, True], ids=["own caches", "one cache"])
def test_each_gives_what_it_gives_alone(probe: Probe, model_f32: str, unified: bool) -> None:
    told = probe(
        "crowds.together",
        model=model_f32,
        streams=4,
        requests=[{"length": length, "tokens": 24} for length in LENGTHS],
        n_batch=64,
        n_ubatch=32,
        kv_unified=unified,
        **STRICT,
    )
    assert told["crowded"] == told["alone"]
    assert [len(ids) for ids, _ in told["crowded"]] == [24] * 6
    assert len({tuple(ids) for ids, _ in told["crowded"]}) > 1
    assert [finish["cached_prompt_tokens"] for _, finish in told["crowded"]] == [0] * 6
    assert told["left"] == [-1] * 4


@pytest.mark.engine("llamacpp")
def test_each_has_its_own_seed_stop_and_forced_ids(probe: Probe, model_f32: str) -> None:
    hot = {"temperature": 1.5, "top_k": 200}
    requests: list[dict[str, Any]] = [
        {"length": 30, "tokens": 20, "sampling": hot | {"seed": 1}},
        {"length": 30, "tokens": 20, "sampling": hot | {"seed": 2}},
        {"length": 30, "tokens": 5, "forced_ids": [9, 8, 7, 6, 5], "stop_ids": [8]},
        {"length": 30, "tokens": 20},
    ]
    told = probe("crowds.together", model=model_f32, streams=4, requests=requests, **STRICT)
    assert told["crowded"] == told["alone"]
    first, second, forced, free = (ids for ids, _ in told["crowded"])
    assert first != second
    assert forced == [9, 8, 7, 6, 5]
    requests[3]["stop_ids"] = [free[6]]
    told = probe("crowds.together", model=model_f32, streams=4, requests=requests, **STRICT)
    stopped = told["crowded"][3][0]
    assert stopped == free[: free.index(free[6]) + 1]
    assert [finish["reason"] for _, finish in told["crowded"]] == [*["length"] * 3, "stop"]


@pytest.mark.engine("llamacpp")
def test_an_abort_frees_its_cache_at_once_and_nothing_else(probe: Probe, model: str) -> None:
    told = probe("crowds.aborted", model=model)
    closed, beside, cancelled = told["full"]
    assert closed == 39
    assert beside > 29
    assert cancelled > 49
    assert told["freed"][::2] == [-1, -1]
    assert told["freed"][1] >= beside
    assert told["beside"] == told["before"] == told["after"]
    assert told["cached"] == 0


@pytest.mark.engine("llamacpp")
def test_what_the_engine_does_not_count_is_unproven(probe: Probe, model: str) -> None:
    assert probe("crowds.unproven", model=model) is None


@pytest.mark.engine("llamacpp")
def test_a_sequence_that_is_not_empty_is_no_cold_start(probe: Probe, model: str) -> None:
    kind, message = probe("crowds.left_over", model=model)
    assert kind == "EngineError"
    assert "still holds 30 positions" in message


@pytest.mark.engine("llamacpp")
def test_reset_and_close_end_what_runs(probe: Probe, model: str) -> None:
    told = probe("crowds.over", model=model)
    beside, waiting, paused, scored, closed, queued, other, after = told
    assert "nothing is scored beside it" in beside
    assert waiting[0] == paused[0] == closed[0] == other[0] == "RequestError"
    assert "reset or closed" in waiting[1]
    assert scored == 8
    assert queued == after == ["EngineError", "the session is closed"]
