"""Several requests at once: each gives what it gives alone, cold, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import TINY
from tests.mlx.conftest import probe

pytestmark = pytest.mark.engine("mlx")

LENGTHS = [1, 2, 31, 32, 33, 90]
"""Prompts shorter and longer than a piece of 32 tokens."""


def test_each_gives_what_it_gives_alone(mlx: Environment) -> None:
    requests = [{"length": length, "tokens": 24} for length in LENGTHS]
    told = probe(
        mlx, "crowds.together", path=str(TINY), streams=4, requests=requests, prefill_step_size=32
    )
    assert told["crowded"] == told["alone"]
    assert [len(ids) for ids, _ in told["crowded"]] == [24] * 6
    assert len({tuple(ids) for ids, _ in told["crowded"]}) > 1
    assert [finish["cached_prompt_tokens"] for _, finish in told["crowded"]] == [0] * 6
    assert told["left"] == 0


def test_each_has_its_own_seed_stop_and_forced_ids(mlx: Environment) -> None:
    hot = {"temperature": 1.5, "top_k": 200}
    requests: list[dict[str, Any]] = [
        {"length": 30, "tokens": 20, "sampling": hot | {"seed": 1}},
        {"length": 30, "tokens": 20, "sampling": hot | {"seed": 2}},
        {"length": 30, "tokens": 5, "forced_ids": [9, 8, 7, 6, 5], "stop_ids": [8]},
        {"length": 30, "tokens": 20},
    ]
    told = probe(mlx, "crowds.together", path=str(TINY), streams=4, requests=requests)
    assert told["crowded"] == told["alone"]
    first, second, forced, free = (ids for ids, _ in told["crowded"])
    assert first != second
    assert forced == [9, 8, 7, 6, 5]
    requests[3]["stop_ids"] = [free[6]]
    told = probe(mlx, "crowds.together", path=str(TINY), streams=4, requests=requests)
    assert told["crowded"][3][0] == free[: free.index(free[6]) + 1]
    assert [finish["reason"] for _, finish in told["crowded"]] == [*["length"] * 3, "stop"]


def test_an_abort_frees_its_cache_and_nothing_else(mlx: Environment) -> None:
    told = probe(mlx, "crowds.aborted", path=str(TINY))
    assert told["full"] > 3 * told["freed"] > 0
    assert told["left"] == 0
    assert told["beside"] == told["before"] == told["after"]
    assert told["cached"] == 0


def test_what_is_not_computed_counts_as_cached(mlx: Environment) -> None:
    assert probe(mlx, "crowds.unproven", path=str(TINY)) == 5


def test_a_cache_that_is_not_empty_is_no_cold_start(mlx: Environment) -> None:
    kind, message = probe(mlx, "crowds.left_over", path=str(TINY))
    assert kind == "EngineError"
    assert "already holds 3 positions" in message


def test_tokens_that_came_meanwhile_share_a_chunk(mlx: Environment) -> None:
    counts = probe(mlx, "crowds.slow", path=str(TINY))
    assert sum(counts) == 30
    assert counts[0] == 1
    assert counts[1] > 5
    assert set(counts[2:]) == {1}


def test_reset_and_close_end_what_runs(mlx: Environment) -> None:
    waiting, paused, held, closed, after = probe(mlx, "crowds.over", path=str(TINY))
    assert waiting[0] == paused[0] == closed[0] == "RequestError"
    assert "reset or closed" in waiting[1]
    assert held == 0
    assert after == ["EngineError", "the session is closed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"kv_bits": 4}, "no quantised KV cache"), ({"lookahead": False}, "lookahead is off")],
)
def test_what_mlx_lm_cannot_batch_is_unsupported(
    mlx: Environment, options: dict[str, Any], said: str
) -> None:
    kind, message = probe(mlx, "crowds.load_failure", path=str(TINY), **options)
    assert (kind, said in message) == ("Unsupported", True), message
