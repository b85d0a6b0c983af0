"""Every definition against stamps whose result is worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crossbench.analysis.cell import Cell
from crossbench.analysis.definitions import (
    cache_state,
    cell_metrics,
    first_request_ratio,
    load_metrics,
)
from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.sample import judged
from crossbench.api import Boundary, Fact, Finish, Loaded
from crossbench.journal.events import LaunchReady, SampleTaken
from crossbench.prompts.identity import Identity
from crossbench.worker.protocol import Instrument, Record, RequestFailure

MS = 1_000_000


def sample(
    stamps_ms: Sequence[float],
    counts: Sequence[int] | None = None,
    *,
    launch: str = "b1",
    prompt: int = 1000,
    cached: int | None = 0,
    asked: int | None = None,
    reason: str = "length",
    failure: RequestFailure | None = None,
    suspended_ms: float = 0,
    natural: bool = False,
    line_prompt: int = 0,
    repeat: int = 0,
) -> SampleTaken:
    each = tuple(counts or [1] * len(stamps_ms))
    record = Record(
        id="r",
        t0_ns=7,
        stamps_ns=tuple(int(stamp * MS) for stamp in stamps_ms),
        counts=each,
        token_ids=tuple(range(sum(each))),
        text=None,
        finish=Finish(reason=reason, cached_prompt_tokens=cached),  # type: ignore[arg-type]
        suspended_ns=int(suspended_ms * MS),
        failure=failure,
    )
    return SampleTaken(
        launch=launch,
        scenario="s",
        role="timed",
        repeat=repeat,
        prompt=line_prompt,
        prompt_tokens=prompt,
        prompt_sha256="",
        asked_tokens=sum(each) if asked is None else asked,
        natural=natural,
        record=record,
    )


def ready(launch: str, stamp_error_ns: int = 1000, load_ms: float = 3.0) -> LaunchReady:
    unknown: Fact[str] = Fact(None, "api")
    number: Fact[int] = Fact(None, "api")
    return LaunchReady(
        launch=launch,
        loaded=Loaded(
            boundary=Boundary.LIBRARY,
            engine_build=unknown,
            parallelism=Fact(None, "api"),
            devices=(),
            context_tokens=number,
            weight_bytes=number,
            parameters=number,
            kv_dtype=unknown,
            kv_capacity_tokens=number,
            attention=unknown,
            prefix_cache=Fact(None, "api"),
        ),
        memory={},
        instrument=Instrument(chunks=1, median_ns=1, p99_ns=stamp_error_ns),
        versions={},
        python="3",
        start_ns=1 * MS,
        import_ns=2 * MS,
        load_ns=int(load_ms * MS),
        tokenizer=Identity(
            vocabulary_sha256=None, same_vocabulary=None, same_probes=None, complaints=()
        ),
    )


READY = {name: ready(name) for name in ("b1", "b2")}
STEADY = [100 + 10 * i for i in range(21)]
"""First token at 100 ms, then twenty more, 10 ms apart."""


def cell(*events: SampleTaken) -> Cell:
    made = Cell()
    for line, event in enumerate(events, 1):
        made.take(line, event, event.launch)
    return made


def metric(
    name: str, *events: SampleTaken, launches: dict[str, LaunchReady] | None = None
) -> Metric:
    return next(m for m in cell_metrics(cell(*events), launches or READY) if m.name == name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ttft_s", 0.1),
        ("prefill_tps", 10_000),
        ("tpot_s", 0.01),
        ("decode_tps", 100),
        ("e2e_s", 0.3),
        ("e2e_tps", 70),
        ("tokens_per_chunk", 1),
        ("chunk_gap_p50_s", 0.01),
    ],
)
def test_a_steady_stream(name: str, expected: float) -> None:
    assert metric(name, sample(STEADY)).value == pytest.approx(expected)


def test_tokens_of_the_first_chunk_are_not_decoded() -> None:
    """k1 = 4 at 100 ms, then 20 tokens in five chunks over 200 ms."""
    chunks = sample([100, 140, 180, 220, 260, 300], [4, 4, 4, 4, 4, 4])
    assert metric("tpot_s", chunks).value == pytest.approx(0.2 / 20)
    assert metric("chunk_gap_p50_s", chunks).value == pytest.approx(0.04)
    assert metric("tokens_per_chunk", chunks).value == pytest.approx(4)


def test_empty_chunks_are_no_first_token() -> None:
    role_first = sample([1, *STEADY], [0, *[1] * 21])
    assert metric("ttft_s", role_first).value == pytest.approx(0.1)


def test_cached_prompt_tokens_are_not_prefilled() -> None:
    assert metric("prefill_tps", sample(STEADY, cached=500)).value == pytest.approx(5000)


def test_a_launch_is_a_sum_over_a_sum_and_a_cell_their_geometric_mean() -> None:
    slow = sample([100 + 40 * i for i in range(21)], launch="b1")
    quick = sample(STEADY, launch="b1")
    other = sample([100 + 5 * i for i in range(21)], launch="b2")
    decode = metric("decode_tps", slow, quick, other)
    assert decode.launches["b1"] == pytest.approx(40 / 1.0)
    assert decode.launches["b2"] == pytest.approx(200)
    assert decode.value == pytest.approx((40 * 200) ** 0.5)
    assert decode.low == pytest.approx(40)
    assert decode.high == pytest.approx(200)
    assert decode.n == 2


def test_with_one_launch_the_range_is_that_of_the_repeats() -> None:
    slow = sample([100 + 40 * i for i in range(21)])
    decode = metric("decode_tps", slow, sample(STEADY, repeat=1))
    assert decode.low == pytest.approx(25)
    assert decode.high == pytest.approx(100)
    assert decode.ci95 is None
    assert decode.no_interval == "1 launch; an interval needs at least 3"


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("prefill_tps", sample(STEADY, cached=None), "cache state unproven"),
        ("prefill_tps", sample(STEADY, prompt=255), "fewer than 256 prompt tokens"),
        ("prefill_tps", sample(STEADY, prompt=1000, cached=800), "fewer than 256 prompt tokens"),
        ("decode_tps", sample(STEADY[:16]), "fewer than 16 tokens after the first chunk"),
        ("tpot_s", sample([100, 200], [1, 40]), "fewer than 3 chunks"),
        ("chunk_gap_p95_s", sample(STEADY), "20 values; p95 needs at least 72"),
    ],
)
def test_a_number_that_cannot_be_trusted_is_withheld(
    name: str, given: SampleTaken, reason: str
) -> None:
    withheld = metric(name, given)
    assert withheld.value is None
    assert reason in withheld.reasons[0]


def test_seventeen_tokens_and_256_prompt_tokens_are_enough() -> None:
    least = sample(STEADY[:17], prompt=256)
    assert metric("decode_tps", least).value == pytest.approx(100)
    assert metric("prefill_tps", least).value == pytest.approx(2560)


def test_a_decode_within_the_instruments_error_is_withheld() -> None:
    coarse = {"b1": ready("b1", stamp_error_ns=3 * MS)}
    assert metric("decode_tps", sample(STEADY), launches=coarse).value is None
    fine = {"b1": ready("b1", stamp_error_ns=2 * MS)}
    assert metric("decode_tps", sample(STEADY), launches=fine).value is not None


def test_gap_percentiles_need_samples_and_launches() -> None:
    long = [100 + i for i in range(400)]
    one = [sample(long)]
    assert "2 launches" in metric("chunk_gap_p99_s", *one).reasons[0]
    two = [sample(long), sample(long, launch="b2")]
    assert metric("chunk_gap_p99_s", *two).value == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (sample(STEADY), None),
        (sample(STEADY, asked=30), "21 tokens came, 30 were asked"),
        (sample(STEADY, asked=30, reason="stop"), "21 tokens came, 30 were asked"),
        (sample(STEADY, asked=30, reason="stop", natural=True), None),
        (sample(STEADY, asked=30, natural=True), "21 tokens came, 30 were asked"),
        (sample(STEADY, asked=20, reason="stop", natural=True), "21 tokens came, 20 were asked"),
        (sample(STEADY, cached=-5), "-5 of 1000 prompt tokens are said to have been cached"),
        (sample(STEADY, cached=1001), "1001 of 1000 prompt tokens are said"),
        (sample([]), "no token came"),
        (sample(STEADY, suspended_ms=9), None),
        (sample(STEADY, suspended_ms=2500), "the machine was suspended for 2.5 s meanwhile"),
        (sample([1], [0]), "no token came"),
        (sample([20, 10]), "the clock ran backwards"),
        (sample([0, 10]), "the first token came in no time"),
        (sample(STEADY, failure=RequestFailure(kind="request", message="full")), "full"),
    ],
)
def test_what_makes_a_sample_invalid(given: SampleTaken, fault: str | None) -> None:
    found = judged(1, given, "b1").fault
    assert found == fault or (fault and found and found.startswith(fault))


@pytest.mark.parametrize(
    ("cached", "state"),
    [([0, 0], "cold"), ([0, None], "unproven"), ([0, 3], "warm"), ([None, 3], "warm")],
)
def test_cold_means_every_sample_proven(cached: list[int | None], state: str) -> None:
    samples = [sample(STEADY, cached=count) for count in cached]
    assert cache_state(cell(*samples).valid) == state


def test_nothing_measured_is_not_cold() -> None:
    assert cache_state([]) == "unproven"
    assert all(item.value is None and item.reasons for item in cell_metrics(Cell(), READY))


def test_load_is_the_whole_way_to_the_session() -> None:
    whole, engine, first = load_metrics([ready("b1"), ready("b2", load_ms=12)], {"b1": 2.0})
    assert whole.launches == {"b1": pytest.approx(0.006), "b2": pytest.approx(0.015)}
    assert engine.value == pytest.approx(0.006)
    assert first.value == pytest.approx(2.0)


def test_the_first_request_is_held_against_the_median_of_the_steady_ones() -> None:
    steady = cell(sample([100]), sample([200]), sample([900]), sample([5], line_prompt=1)).valid
    first = judged(99, sample([400]), "b1")
    assert first_request_ratio(first, steady) == pytest.approx(2.0)
    assert first_request_ratio(first, []) is None
    assert first_request_ratio(steady[0], steady[:1]) is None


def test_a_cell_of_several_launches_has_an_interval() -> None:
    """Three launches at 99, 100 and 101: half width 4.303 x 0.01 / sqrt(3) on the log scale."""
    found = summarised("decode_tps", "tokens/s", launches={"b1": 99, "b2": 100, "b3": 101})
    assert found.ci95 is not None
    assert found.ci95.low == pytest.approx(97.55, abs=0.05)
    assert found.ci95.high == pytest.approx(102.51, abs=0.05)
    assert found.valid
    assert found.no_interval is None


def test_a_launch_without_a_positive_finite_value_withholds_the_cell() -> None:
    for bad in (0.0, float("inf"), float("nan")):
        found = summarised("decode_tps", "tokens/s", launches={"b1": bad, "b2": 100, "b3": 101})
        assert (found.value, found.ci95, found.valid) == (None, None, False)
        assert found.reasons == ("a launch gave no positive finite value",)


def test_a_decode_of_no_length_is_withheld_though_the_instrument_sees_no_error() -> None:
    exact = {"b1": ready("b1", stamp_error_ns=0)}
    flat = sample([100] * 21)
    for name in ("decode_tps", "tpot_s"):
        withheld = metric(name, flat, launches=exact)
        assert withheld.value is None
        assert withheld.reasons == ("first and last chunk came at the same time",)


@pytest.mark.parametrize(
    ("name", "outlying", "reason"),
    [("decode_tps", 80.0, "b6: 80 is 0.800 of the median"), ("e2e_tps", 80.0, None)],
)
def test_outlying_launches_of_what_is_compared_are_flagged_and_kept(
    name: str, outlying: float, reason: str | None
) -> None:
    values = {f"b{n}": 100 + n / 10 for n in range(-2, 3)} | {"b6": outlying}
    found = summarised(name, "tokens/s", launches=values)
    assert found.n == 6
    assert [flag.reason for flag in found.flags] == ([reason] if reason else [])


def test_repeats_that_slow_down_in_every_launch_are_flagged() -> None:
    slowing = {f"b{n}": [100 + n / 50, 95, 90 - n / 50] for n in range(4)}
    found = summarised(
        "decode_tps", "tokens/s", launches=dict.fromkeys(slowing, 95), repeats=slowing
    )
    assert [flag.name for flag in found.flags] == ["thermal_drift"]


def test_a_pass_counts_whole_or_not_at_all() -> None:
    made = cell(
        sample(STEADY, line_prompt=0),
        sample([10 * stamp for stamp in STEADY], line_prompt=1),
        sample(STEADY, line_prompt=0, repeat=1),
        sample(STEADY, line_prompt=1, repeat=1, asked=99),
    )
    made.requests = 2
    assert len(made.valid) == 3
    ttft = next(m for m in cell_metrics(made, READY) if m.name == "ttft_s")
    assert ttft.value == pytest.approx(0.55)
    assert ttft.reasons == ("passes that lack a prompt are left out (1 samples)",)
