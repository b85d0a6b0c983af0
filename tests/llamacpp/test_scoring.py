"""Scores are the model's log-probabilities, held against an independent computation in float64."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from crossbench.api import TokenScore
from tests.llamacpp.conftest import Start
from tests.llamacpp.live import STRICT, Live
from tests.reference import Reference

pytestmark = pytest.mark.engine("llamacpp")

STRICT_TOLERANCE, FAST_TOLERANCE = 5e-4, 2e-2
TEXT = (
    "<|bos|><|user|>What is the capital of France?<|end|>\n<|assistant|>Paris.<|end|>\n"
    "<|user|>Tell me a story about a kind fox and a small mouse.<|end|>\n<|assistant|>"
    "Once there was a kind fox who lived near a small mouse. The fox said hello."
)


def drawn(seed: int, length: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(2048) for _ in range(length)]


def furthest(scores: Sequence[TokenScore], expected: Sequence[float]) -> float:
    return max(abs(score.logprob - true) for score, true in zip(scores, expected, strict=True))


def test_scores_of_a_text_are_the_models_log_probabilities(
    strict: Live, reference: Reference
) -> None:
    ids = strict.tokenize(TEXT)
    assert len(ids) > 40
    assert furthest(strict.score(ids, 1), reference.given(ids, 1)) < STRICT_TOLERANCE


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_random_ids_are_the_models_log_probabilities(
    strict: Live, reference: Reference, seed: int
) -> None:
    ids = drawn(seed, 150 + 50 * seed)
    assert furthest(strict.score(ids, 1), reference.given(ids, 1)) < STRICT_TOLERANCE


def test_only_the_places_asked_for_are_scored(strict: Live) -> None:
    ids = drawn(7, 200)
    whole = strict.score(ids, 1)
    assert len(whole) == 199
    for first in (2, 63, 64, 65, 66, 128, 199):
        part = strict.score(ids, first)
        assert len(part) == 200 - first
        assert furthest(part, [score.logprob for score in whole[first - 1 :]]) < 1e-5
    assert strict.score(ids, 200) == ()
    assert strict.score(ids[:1], 1) == ()


def test_the_likeliest_ids_are_the_models_best_first(strict: Live, reference: Reference) -> None:
    ids = strict.tokenize(TEXT)
    rows = reference.log_probabilities(ids[:-1])
    for score, row in zip(strict.score(ids, 1, top_k=8), rows, strict=True):
        best = sorted(range(len(row)), key=lambda token: -row[token])[:8]
        logprobs = [logprob for _, logprob in score.top]
        assert logprobs == sorted(logprobs, reverse=True)
        assert logprobs == pytest.approx([row[token] for token in best], abs=STRICT_TOLERANCE)
        assert dict(score.top) == pytest.approx(
            {token: row[token] for token, _ in score.top}, abs=STRICT_TOLERANCE
        )


def test_the_whole_vocabulary_adds_up_to_one(strict: Live) -> None:
    (score,) = strict.score(drawn(1, 3), 2, top_k=2048)
    assert sum(2.718281828459045**logprob for _, logprob in score.top) == pytest.approx(1, abs=1e-6)
    assert len({token for token, _ in score.top}) == 2048


def test_flash_attention_and_an_f16_cache_stay_near(start: Start, reference: Reference) -> None:
    live = start()
    ids = live.tokenize(TEXT)
    assert furthest(live.score(ids, 1), reference.given(ids, 1)) < FAST_TOLERANCE


def test_small_batches_give_the_same_scores(start: Start, model_f32: str, strict: Live) -> None:
    live = start(model_f32, n_batch=40, n_ubatch=24, **STRICT)
    ids = drawn(3, 130)
    expected = [score.logprob for score in strict.score(ids, 1)]
    assert furthest(live.score(ids, 1), expected) < STRICT_TOLERANCE
    assert furthest(live.score(ids, 101), expected[100:]) < STRICT_TOLERANCE


def test_scoring_leaves_nothing_behind(strict: Live) -> None:
    ids = drawn(5, 100)
    once = strict.score(ids, 1, top_k=3)
    free = strict.generate(ids, 20)
    assert strict.score(ids, 1, top_k=3) == once
    record = strict.record(ids, 20)
    assert list(record.token_ids or ()) == free
    assert record.finish is not None
    assert record.finish.cached_prompt_tokens == 0


def test_a_text_as_long_as_the_context_is_scored_and_a_longer_one_is_refused(
    strict: Live, reference: Reference
) -> None:
    capacity = strict.ready.loaded.context_tokens.value
    assert capacity == 512
    ids = drawn(8, capacity)
    assert furthest(strict.score(ids, 400), reference.given(ids, 400)) < STRICT_TOLERANCE
    failure = strict.refuse([*ids, 1, 1], 400).failure
    assert failure is not None
    assert "514 ids are to be scored; the context holds 512" in failure.message


@pytest.mark.parametrize(
    ("ids", "first", "top_k", "said"),
    [
        ([1, 2, 3], 0, 0, "from place 0 on"),
        ([1, 2, 3], 4, 0, "may be 1 to 3"),
        ([1, 2, 3], 1, 2049, "2049 likeliest"),
        ([1, 2048, 3], 1, 0, "vocabulary is 0 to 2047"),
    ],
)
def test_what_cannot_be_scored_is_refused_and_the_session_lives_on(
    strict: Live, ids: list[int], first: int, top_k: int, said: str
) -> None:
    failure = strict.refuse(ids, first, top_k).failure
    assert failure is not None
    assert (failure.kind, said in failure.message) == ("request", True), failure.message
    assert len(strict.score([1, 2, 3], 1)) == 2
