"""Generation by the real engine: exact counts, proven cold prefill, and tokens that are right."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.llamacpp.conftest import Probe

pytestmark = pytest.mark.engine("llamacpp")

N_BATCH, N_UBATCH = 64, 32
LENGTHS = [1, 2, N_UBATCH - 1, N_UBATCH, N_UBATCH + 1, N_BATCH, N_BATCH + 1, 2 * N_BATCH + 1]
OUTPUTS = [1, 2, 17]


@pytest.fixture(scope="module")
def shapes(probe: Probe, model: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = probe(
        "shapes", model=model, lengths=LENGTHS, outputs=OUTPUTS, n_batch=N_BATCH, n_ubatch=N_UBATCH
    )
    assert len(rows) == len(LENGTHS) * len(OUTPUTS)
    return rows


def test_every_length_gives_exactly_the_tokens_asked_one_a_chunk(
    shapes: list[dict[str, Any]],
) -> None:
    for row in shapes:
        assert row["per_chunk"] == [1] * row["tokens"], row
        assert row["reason"] == "length"
        assert not row["early_finish"]


def test_every_prompt_is_computed_whole(shapes: list[dict[str, Any]]) -> None:
    assert [row["cached"] for row in shapes] == [0] * len(shapes)


def test_the_last_token_is_not_decoded(shapes: list[dict[str, Any]]) -> None:
    for row in shapes:
        assert row["decoded"] == row["prompt"] + row["tokens"] - 1, row


def test_a_longer_output_begins_with_the_shorter_one(shapes: list[dict[str, Any]]) -> None:
    for short, long in pairwise(shapes):
        if short["prompt"] == long["prompt"]:
            assert long["ids"][: len(short["ids"])] == short["ids"]


def test_native_figures_are_there_wherever_something_was_timed(
    shapes: list[dict[str, Any]],
) -> None:
    for row in shapes:
        assert ("prompt_eval_tps" in row["native"]) == (row["prompt"] > 1)
        assert ("eval_tps" in row["native"]) == (row["tokens"] > 1 or row["prompt"] == 1)


def test_how_a_prompt_is_cut_into_batches_does_not_change_the_output(
    probe: Probe, model: str, shapes: list[dict[str, Any]]
) -> None:
    whole = probe("shapes", model=model, lengths=[2 * N_BATCH + 1], outputs=[17], n_ubatch=256)
    assert whole[0]["ids"] == shapes[-1]["ids"]


@pytest.mark.parametrize("reset", [True, False])
def test_the_same_prompt_is_cold_every_time(probe: Probe, model: str, reset: bool) -> None:
    rows = probe("repeated", model=model, length=400, times=4, reset=reset)
    assert [ids for ids, _, _ in rows] == [rows[0][0]] * 4
    assert [cached for _, cached, _ in rows] == [0] * 4
    seconds = [taken for _, _, taken in rows]
    # A reused prefix of 400 tokens would leave one token to compute, a hundredth of the time.
    # One of the four may have been held up by another process.
    fastest, *_, slower, _ = sorted(seconds)
    assert fastest > slower / 20


def test_greedy_tokens_equal_those_of_the_bindings_own_generation(probe: Probe, model: str) -> None:
    prompts = [[20 + (salt * 37 + 11 * n) % 1500 for n in range(30)] for salt in range(4)]
    both = probe("against_the_binding", model=model, prompts=prompts, tokens=48)
    assert both["ours"] == both["theirs"]
    assert len({tuple(ids) for ids in both["ours"]}) > 1


def test_a_seed_decides_what_is_drawn(probe: Probe, model: str) -> None:
    base = {"temperature": 1.5, "top_k": 200, "top_p": 0.99}
    seeds = [7, 8, 7, 0, 0, 2**32 - 1, 2**32 - 1]
    samplings = [base | {"seed": seed} for seed in seeds]
    drawn = probe("sampled", model=model, samplings=samplings, tokens=24)
    assert drawn[0] == drawn[2]
    assert drawn[3] == drawn[4]
    assert drawn[5] == drawn[6]
    assert drawn[0] != drawn[1]


def test_sampling_narrows_to_greedy(probe: Probe, model: str) -> None:
    greedy, *narrow = probe(
        "sampled",
        model=model,
        samplings=[
            {"temperature": 0.0, "seed": 3},
            {"temperature": 1.0, "top_k": 1, "seed": 3},
            {"temperature": 1.0, "top_p": 1e-9, "seed": 3},
            {"temperature": 1e-6, "seed": 3},
        ],
        tokens=24,
    )
    assert narrow == [greedy] * 3


def test_a_stop_id_ends_the_output_and_is_its_last_token(probe: Probe, model: str) -> None:
    result = probe("stopped", model=model, tokens=24, stop_at=9)
    first = result["free"].index(result["free"][9])
    assert result["stopped"] == result["free"][: first + 1]
    assert result["reason"] == "stop"


def test_end_of_text_does_not_end_a_forced_length(probe: Probe, model: str) -> None:
    assert len(probe("past_the_end", model=model, tokens=40)["ids"]) == 40


def test_what_does_not_fit_is_refused_and_never_cut(probe: Probe, model: str) -> None:
    fits, over = list(range(20, 220)), list(range(20, 221))
    result = probe(
        "refused",
        model=model,
        n_ctx=200,
        requests=[[fits, 56], [over, 56], [fits, 57], [[], 4], [fits, 0], [[2048], 1], [[-1], 1]],
    )
    assert result["capacity"] == 256
    kinds = [kind for kind, _ in result["answers"]]
    assert kinds == ["ok"] + ["RequestError"] * 6
    assert result["answers"][0][1] == 56
    assert "257; the context holds 256" in result["answers"][1][1]
    assert "vocabulary is 0 to 2047" in result["answers"][5][1]
    assert result["after"] == 3


def test_logits_that_are_no_numbers_void_the_request(
    probe: Probe, model: str, tmp_path: Path
) -> None:
    data = bytearray(Path(model).read_bytes())
    data[-4096:] = b"\xff" * 4096
    broken = tmp_path / "nan.gguf"
    broken.write_bytes(data)
    result = probe("refused", model=str(broken), n_ctx=64, requests=[[[20, 21], 4]], after=False)
    assert result["answers"][0][0] == "RequestError"
    assert "not numbers" in result["answers"][0][1]


def test_breaking_off_leaves_nothing_behind(probe: Probe, model: str) -> None:
    result = probe("aborted", model=model)
    assert result["again"] == result["whole"] == result["last"]
    assert result["cached"] == 0
    assert result["busy"]


def test_closing_the_session_ends_its_stream(probe: Probe, model: str) -> None:
    assert probe("closed_while_streaming", model=model) == {
        "rest": 0,
        "then": "the session is closed",
    }


def test_special_tokens_are_parsed_and_none_is_added(probe: Probe, model: str) -> None:
    empty, word, end, both = probe(
        "tokenised", model=model, texts=["", "The", "<|end|>", "The<|end|>"]
    )
    assert empty == []
    assert end == [5]
    assert both == [*word, 5]
