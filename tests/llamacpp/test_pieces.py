"""A text is scored piece by piece, whatever its length: no more than 64 tokens' logits at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossbench.api import RequestError
from crossbench_llamacpp.scoring import scores

VOCABULARY = 7
TABLE = np.random.default_rng(3).normal(0, 30, (600, VOCABULARY)).astype(np.float32)
"""Logits of a model that looks at the position only."""


class Model:
    """Decodes by the table, and keeps count."""

    def __init__(self, table: NDArray[np.float32] = TABLE) -> None:
        self.table = table
        self.fed: list[int] = []
        self.calls: list[tuple[int, int]] = []

    def decode(self, tokens: NDArray[np.int32], start: int, wanted: int) -> NDArray[np.float32]:
        assert start == len(self.fed)
        self.fed += tokens.tolist()
        self.calls.append((len(tokens), wanted))
        return self.table[len(self.fed) - wanted : len(self.fed)]


@given(st.data())
def test_every_token_is_fed_once_and_few_logits_are_kept(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 400))
    first = data.draw(st.integers(1, length))
    largest = data.draw(st.integers(1, 200))
    ids = np.arange(length, dtype=np.int32) % VOCABULARY
    model = Model()
    found = scores(ids, 2, first, largest, model.decode)
    assert model.fed == ids[:-1].tolist()
    assert all(size <= largest and wanted in (0, size) for size, wanted in model.calls)
    assert max((wanted for _, wanted in model.calls), default=0) <= 64
    assert sum(wanted for _, wanted in model.calls) == length - first == len(found)
    for place, score in enumerate(found, first):
        row = TABLE[place - 1].astype(np.float64)
        true = row - row.max() - math.log(np.exp(row - row.max()).sum())
        assert score.logprob == pytest.approx(true[ids[place]], abs=1e-5)
        assert [token for token, _ in score.top] == np.argsort(-row)[:2].tolist()


def test_logits_that_are_no_numbers_void_the_scores() -> None:
    table = TABLE.copy()
    table[5, 3] = np.nan
    ids = np.zeros(9, np.int32)
    with pytest.raises(RequestError, match="not numbers"):
        scores(ids, 0, 1, 64, Model(table).decode)


def test_a_model_that_knows_nothing_finds_all_ids_equally_likely() -> None:
    (score,) = scores(np.zeros(2, np.int32), 7, 1, 8, Model(np.zeros_like(TABLE)).decode)
    assert sorted(token for token, _ in score.top) == list(range(7))
    assert {logprob for _, logprob in score.top} == {score.logprob}
    assert score.logprob == pytest.approx(-math.log(7))
