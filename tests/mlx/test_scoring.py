"""Scores by the real engine against an independent computation in float64."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import TINY
from tests.mlx.conftest import STORED, Loaded, Workers
from tests.mlx.test_generation import TOLERANCE, ids, prompt_of
from tests.reference import Reference

pytestmark = pytest.mark.engine("mlx")

LENGTH = 150
"""More than two windows of rows."""


@pytest.mark.parametrize("first", [1, 2, 33, LENGTH - 1])
def test_scores_are_those_of_an_independent_computation(exact: Loaded, first: int) -> None:
    text = prompt_of(LENGTH, 5)
    expected = Reference(TINY).given(text, first)
    scored = exact.score(text, 0, first)
    assert scored.failure is None
    assert np.abs(np.subtract([each.logprob for each in scored.scores], expected)).max() < TOLERANCE
    assert all(each.top == () for each in scored.scores)


def test_the_likeliest_ids_come_best_first_with_their_log_probabilities(exact: Loaded) -> None:
    text, first = prompt_of(LENGTH, 9), 70
    rows = Reference(TINY).log_probabilities(text[:-1])[first - 1 :]
    for each, row in zip(exact.score(text, 8, first).scores, rows, strict=True):
        found, values = zip(*each.top, strict=True)
        assert list(values) == sorted(values, reverse=True)
        assert np.abs(np.array(values) - row[list(found)]).max() < TOLERANCE
        assert np.abs(np.sort(row)[:-9:-1] - values).max() < TOLERANCE


def test_half_precision_scores_nearly_the_same(workers: Workers) -> None:
    text = prompt_of(40, 2)
    expected = Reference(TINY).given(text, 10)
    scores = workers(**STORED).score(text, 0, 10).scores
    assert np.abs(np.subtract([each.logprob for each in scores], expected)).max() < 5e-2


def test_scoring_leaves_nothing_that_a_request_would_find(exact: Loaded) -> None:
    before = exact.run(prompt_of(50), 8)
    exact.score(prompt_of(50), 4, 20)
    after = exact.run(prompt_of(50), 8)
    assert ids(before) == ids(after)
    assert after.finish is not None
    assert after.finish.cached_prompt_tokens == 0


@pytest.mark.parametrize(
    ("text", "top_k", "first", "said"),
    [
        ([20, 21, 22], 2049, 1, "top_k from 0 to 2048"),
        ([20, 21, 22], 1, 0, "first from 1"),
        ([20, 9999], 1, 1, "vocabulary is 0 to 2047"),
        ([20] * 2049, 1, 2040, "the model was made for 2048"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    exact: Loaded, text: list[int], top_k: int, first: int, said: str
) -> None:
    scored = exact.score(text, top_k, first)
    assert scored.failure is not None
    assert (scored.failure.kind, said in scored.failure.message) == ("request", True), scored


def test_nothing_to_score_is_nothing(exact: Loaded) -> None:
    assert exact.score([20], 2, 1).scores == ()
