"""Generation by the real engine: exact counts, proven cold prefill, and tokens that are right."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from crossbench.api import Sampling
from crossbench.worker.protocol import Record
from tests.conftest import TINY
from tests.mlx.conftest import TINY_4BIT, Loaded, Workers
from tests.reference import Reference

pytestmark = pytest.mark.engine("mlx")

STEP = 32
TOLERANCE = 5e-4
DRAWN = Sampling(temperature=1.5, top_k=200, top_p=0.99, seed=7)


def prompt_of(length: int, salt: int = 0) -> list[int]:
    return [0, *(20 + (salt + 7 * place) % 1500 for place in range(length))][:length]


def ids(record: Record) -> tuple[int, ...]:
    assert record.failure is None, record.failure
    assert record.token_ids is not None
    return record.token_ids


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(TINY)


@pytest.mark.parametrize("length", [1, 2, STEP, STEP + 1, STEP + 2, 2 * STEP + 5])
def test_every_length_gives_exactly_the_tokens_asked_one_a_chunk(
    exact: Loaded, length: int
) -> None:
    outputs = []
    for tokens in (1, 2, 17):
        record = exact.run(prompt_of(length), tokens)
        assert record.counts == (1,) * tokens
        assert record.finish is not None
        assert (record.finish.reason, record.finish.cached_prompt_tokens) == ("length", 0)
        outputs.append(ids(record))
    for short, long in pairwise(outputs):
        assert long[: len(short)] == short


@pytest.mark.parametrize("salt", [1, 5, 11])
def test_greedy_ids_are_those_of_an_independent_computation(
    exact: Loaded, reference: Reference, salt: int
) -> None:
    prompt = prompt_of(2 * STEP + 9, salt)
    output = ids(exact.run(prompt, 24))
    assert reference.astray(prompt, output, TOLERANCE) == []


@pytest.mark.parametrize("forced", [False, True])
def test_looking_ahead_changes_no_token(workers: Workers, exact: Loaded, forced: bool) -> None:
    plain = workers(dtype="float32", prefill_step_size=32, lookahead=False)
    given = tuple(prompt_of(20, 3)) if forced else ()
    for sampling in (Sampling(), DRAWN):
        records = [
            worker.run(prompt_of(40), 20, sampling=sampling, forced_ids=given)
            for worker in (exact, plain)
        ]
        assert ids(records[0]) == ids(records[1])


def test_forced_ids_are_the_output_and_a_stop_id_among_them_ends_nothing(exact: Loaded) -> None:
    forced = tuple(prompt_of(12, 400))
    record = exact.run(prompt_of(30), 12, forced_ids=forced, stop_ids=(forced[3],))
    assert ids(record) == forced
    assert record.finish is not None
    assert record.finish.reason == "length"


def test_what_was_forced_is_what_the_model_continues(exact: Loaded) -> None:
    """Greedy ids, forced but for the last place, lead to the same last place."""
    prompt = prompt_of(30)
    free = ids(exact.run(prompt, 12))
    for cut in (1, 6):
        continued = ids(exact.run([*prompt, *free[:cut]], 12 - cut))
        assert free[cut:] == continued


def test_a_seed_decides_what_is_drawn(exact: Loaded) -> None:
    def drawn(seed: int) -> tuple[int, ...]:
        sampling = Sampling(temperature=1.5, top_k=200, top_p=0.99, seed=seed)
        return ids(exact.run(prompt_of(30), 16, sampling=sampling))

    assert drawn(7) == drawn(7)
    assert drawn(2**63) == drawn(2**63)
    assert drawn(7) != drawn(8)


@pytest.mark.parametrize(
    "narrow",
    [
        Sampling(temperature=1.0, top_k=1, seed=3),
        Sampling(temperature=1.0, top_p=1e-12, seed=3),
        Sampling(temperature=1.0, top_p=0.0, seed=3),
        Sampling(temperature=1e-6, seed=3),
    ],
)
def test_sampling_narrows_to_greedy(exact: Loaded, narrow: Sampling) -> None:
    greedy = ids(exact.run(prompt_of(30), 12))
    assert ids(exact.run(prompt_of(30), 12, sampling=narrow)) == greedy


def likeliest(worker: Loaded, prompt: list[int]) -> list[int]:
    (score,) = worker.score([*prompt, 20], 4, len(prompt)).scores
    return [each for each, _ in score.top]


def test_top_k_draws_from_the_likeliest(exact: Loaded) -> None:
    prompt = prompt_of(10)
    drawn = {
        ids(exact.run(prompt, 1, sampling=Sampling(temperature=50.0, top_k=4, seed=seed)))[0]
        for seed in range(16)
    }
    assert drawn == set(likeliest(exact, prompt))


def test_top_p_is_a_share_of_what_top_k_left_at_this_temperature(exact: Loaded) -> None:
    """Four ids at a temperature that makes them alike: half of them is two."""
    prompt = prompt_of(10)
    half = [Sampling(temperature=1e4, top_k=4, top_p=0.499, seed=seed) for seed in range(8)]
    drawn = {ids(exact.run(prompt, 1, sampling=sampling))[0] for sampling in half}
    assert drawn == set(likeliest(exact, prompt)[:2])


def test_a_stop_id_ends_the_output_and_is_its_last_token(exact: Loaded) -> None:
    free = ids(exact.run(prompt_of(30), 24))
    record = exact.run(prompt_of(30), 24, stop_ids=(free[9],))
    assert ids(record) == free[: free.index(free[9]) + 1]
    assert record.finish is not None
    assert record.finish.reason == "stop"


def test_end_of_text_does_not_end_a_forced_length(exact: Loaded) -> None:
    assert len(ids(exact.run([*prompt_of(20), 5], 40))) == 40


def test_the_same_prompt_is_cold_every_time(exact: Loaded) -> None:
    exact.run(prompt_of(200), 4)
    records = [exact.run(prompt_of(200), 4) for _ in range(3)]
    assert len({ids(record) for record in records}) == 1
    assert [record.finish and record.finish.cached_prompt_tokens for record in records] == [0] * 3
    first = [record.stamps_ns[0] for record in records]
    # A reused prefix would leave one token to compute, a hundredth of the time.
    assert min(first) > max(first) / 20


@pytest.mark.parametrize(
    ("prompt", "tokens", "more", "said"),
    [
        (prompt_of(1990), 59, {}, "2049; the model was made for 2048"),
        ([], 4, {}, "no ids"),
        ([20], 0, {}, "0 output tokens"),
        ([2048], 1, {}, "vocabulary is 0 to 2047"),
        ([-1], 1, {}, "vocabulary is 0 to 2047"),
        ([20], 3, {"forced_ids": (1, 2)}, "2 forced ids for 3 output tokens"),
        ([20], 1, {"forced_ids": (5000,)}, "forced ids span 5000 to 5000"),
    ],
)
def test_what_cannot_be_served_is_refused_and_the_session_lives(
    exact: Loaded, prompt: list[int], tokens: int, more: dict[str, Any], said: str
) -> None:
    record = exact.run(prompt, tokens, **more)
    assert record.failure is not None
    assert (record.failure.kind, said in record.failure.message) == ("request", True), record
    assert len(ids(exact.run(prompt_of(4), 3))) == 3


@pytest.mark.parametrize(("bits", "group", "start"), [(8, 64, 0), (4, 32, 0), (8, 64, 40)])
def test_a_quantised_cache_generates_and_is_smaller(
    workers: Workers, exact: Loaded, bits: int, group: int, start: int
) -> None:
    quantised = workers(
        dtype="float32", kv_bits=bits, kv_group_size=group, quantized_kv_start=start
    )
    plain, small = exact.run(prompt_of(60), 17), quantised.run(prompt_of(60), 17)
    assert plain.finish is not None
    assert small.finish is not None
    assert len(ids(small)) == 17
    assert small.finish.cached_prompt_tokens == 0
    assert small.finish.native["kv_bytes"] < plain.finish.native["kv_bytes"] / 2


def test_four_bits_generate_and_are_mostly_of_one_mind_with_sixteen(
    workers: Workers, reference: Reference
) -> None:
    prompt = prompt_of(20)
    output = ids(workers(TINY_4BIT, dtype="float32").run(prompt, 12))
    steps = reference.steps(prompt, output)
    assert sum(step.given == step.likeliest for step in steps) >= 8
