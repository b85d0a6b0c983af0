"""Abort, close, load again: what a session owes its worker beyond answering."""

from __future__ import annotations

from typing import Any

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import TINY
from tests.vllm.conftest import LOAD_S, STRICT, probed

pytestmark = [
    pytest.mark.engine("vllm"),
    pytest.mark.timeout(LOAD_S),
]


@pytest.fixture(scope="module")
def life(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("life")
    return probed(environment, "lifecycle", folder, model=str(TINY), options=STRICT)


def test_a_usual_load_has_no_logits_processor(life: Any) -> None:
    assert not life["logits_processors"]


def test_closing_a_stream_early_aborts_it_and_frees_its_cache(life: Any) -> None:
    assert (life["running_when_open"], life["running_when_closed"]) == (1, 0)
    assert life["reset_after_abort_s"] < 5
    assert life["after_abort"] == life["whole"]


def test_a_reset_ends_what_still_runs(life: Any) -> None:
    assert life["reset_over_a_stream_s"] < 5
    assert life["cut_off"] == ["RequestError", "vLLM ended the request with 'abort'"]


def test_closing_ends_every_process_in_time_and_may_be_repeated(life: Any) -> None:
    assert life["close_s"] < 25
    assert life["left"] == []
    assert life["after_close"] == ["EngineError", "the session is closed"]


def test_closing_leaves_no_file(life: Any) -> None:
    assert (life["rendezvous_when_open"], life["rendezvous_when_closed"]) == (True, False)


def test_closing_puts_the_environment_back(life: Any) -> None:
    assert life["variable_after"] == life["variable_before"]


def test_another_load_in_the_same_process_gives_the_same(life: Any) -> None:
    assert life["second"]["whole"] == life["whole"]
    assert life["second"]["left"] == []


def test_a_prefix_cache_that_is_asked_for_is_told_and_reset_empties_it(life: Any) -> None:
    second = life["second"]
    assert second["prefix_cache"] is True
    cold, warm, cold_again = second["cached"]
    assert (cold, cold_again) == (0, 0)
    assert warm >= 128


def test_an_engine_that_dies_under_a_stream_is_an_engine_error(life: Any) -> None:
    kind, message = life["second"]["broken"]
    assert kind == "EngineError"
    assert message.startswith("vLLM broke: ")
