"""Throughput, waits and goodput of levels whose passes are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crossbench.analysis.cell import Cell
from crossbench.analysis.definitions import cell_metrics
from crossbench.analysis.goodput import meets
from crossbench.analysis.level import level_metrics
from crossbench.analysis.metric import Metric
from crossbench.analysis.sample import judged
from crossbench.suite.tables.scenario import Slo
from tests.analysis.loaded import REFUSED, cell, closed, rate, request, users
from tests.analysis.test_definitions import ready
from tests.analysis.test_window import STAGGERED

READY = {name: ready(name) for name in ("b1", "b2", "b3", "b4", "b1@2")}
LAUNCHES = ("b1", "b2", "b3", "b4")
FAST = Slo(ttft_s=0.03)


def metrics(made: Cell) -> dict[str, Metric]:
    return {metric.name: metric for metric in level_metrics(made, READY)}


def values(made: Cell) -> dict[str, float | None]:
    return {name: metric.value for name, metric in metrics(made).items()}


def staggered(slo: Slo | None = None) -> Cell:
    return cell(users(2, 8, slo), closed(2, STAGGERED))


def test_throughput_is_of_the_steady_window_and_of_the_whole_beside_it() -> None:
    found = values(staggered())
    assert found["throughput_tps"] == pytest.approx(30 / 0.4)
    assert found["throughput_whole_tps"] == pytest.approx(32 / 0.45)
    assert found["requests_per_s"] == pytest.approx(8 / 0.45)


def test_a_launch_is_a_sum_over_a_sum_of_its_passes() -> None:
    slow = closed(2, [2 * took for took in STAGGERED], repeat=1)
    found = metrics(cell(users(2, 8), closed(2, STAGGERED), slow))["throughput_tps"]
    assert found.launches == {"b1": pytest.approx((30 + 30) / (0.4 + 0.8))}


def test_a_cell_is_the_geometric_mean_of_its_launches() -> None:
    passes = [closed(2, STAGGERED), closed(2, [2 * took for took in STAGGERED], launch="b2")]
    found = metrics(cell(users(2, 8), *passes))["throughput_tps"]
    assert found.value == pytest.approx((75 * 37.5) ** 0.5)
    assert found.n == 2


def test_a_pass_too_short_to_be_steady_withholds_throughput_and_says_so() -> None:
    found = metrics(cell(users(2, 6), closed(2, STAGGERED[:6])))
    assert found["throughput_tps"].value is None
    assert found["throughput_tps"].reasons == (
        "its steady window holds fewer than 3 requests of each stream",
    )
    assert found["throughput_whole_tps"].value is not None
    short = cell(users(2, 8), closed(2, STAGGERED), closed(2, STAGGERED[:6], repeat=1))
    assert metrics(short)["throughput_tps"].reasons[0].endswith("(1 of 2 passes)")


def many(load_requests: int, took_ms: Sequence[float], slo: Slo | None = None) -> Cell:
    """Four launches of one pass each."""
    passes = [closed(2, took_ms, launch=launch, chunks=20) for launch in LAUNCHES]
    return cell(users(2, load_requests, slo), *passes)


def test_percentiles_need_as_many_requests_as_the_metrics_say() -> None:
    few = metrics(many(17, [100.0] * 17))  # 68 requests
    assert few["ttft_p50_s"].value == pytest.approx(0.005)
    assert few["ttft_p95_s"].value is None
    assert few["ttft_p95_s"].reasons == ("68 values; p95 needs at least 72",)
    enough = metrics(many(18, [100.0] * 18))  # 72
    assert enough["ttft_p95_s"].value == pytest.approx(0.005)
    assert enough["ttft_p99_s"].reasons == ("72 values; p99 needs at least 368",)
    assert enough["tpot_p95_s"].value == pytest.approx(0.005)
    assert enough["e2e_p50_s"].value == pytest.approx(0.1)


def test_time_per_token_needs_tokens() -> None:
    found = metrics(staggered())["tpot_p50_s"]
    assert found.value is None
    assert found.reasons == ("fewer than 16 tokens after the first chunk",)


def test_how_many_requests_a_percentile_lacks_is_told() -> None:
    passes = [closed(2, [100.0] * 18, launch=launch, chunks=20) for launch in LAUNCHES]
    for launch in LAUNCHES[:2]:
        passes.append([*closed(2, [100.0] * 2, launch=launch, repeat=1)])
    found = metrics(cell(users(2, 18), *passes))
    short = "fewer than 16 tokens after the first chunk (4 of 76 samples)"
    assert found["tpot_p95_s"].value == pytest.approx(0.005)
    assert found["tpot_p95_s"].reasons == (short,)
    assert found["tpot_p99_s"].reasons == ("72 values; p99 needs at least 368", short)
    assert found["ttft_p95_s"].reasons == ()


def test_one_launch_has_no_percentile_above_the_median() -> None:
    made = cell(users(2, 100), closed(2, [100.0] * 100))
    assert metrics(made)["ttft_p95_s"].value is None
    assert metrics(made)["ttft_p50_s"].value is not None


def test_only_an_open_loop_has_delays_and_they_are_of_every_request() -> None:
    assert "delay_p50_s" not in metrics(staggered())
    late = [request(n, 100 * n, 150, delay_ms=n) for n in range(8)]
    late.append(request(8, 800, 0, delay_ms=8, failure=REFUSED))
    found = metrics(cell(rate(10, 9), late))
    assert found["delay_p50_s"].value == pytest.approx(0.004)
    assert found["delay_p99_s"].value is None
    assert found["throughput_tps"].value is not None


@pytest.mark.parametrize(
    ("slo", "met"),
    [
        (Slo(ttft_s=0.025), True),
        (Slo(ttft_s=0.0249), False),
        (Slo(tpot_s=0.025), True),
        (Slo(tpot_s=0.0249), False),
        (Slo(e2e_s=0.1), True),
        (Slo(e2e_s=0.0999), False),
        (Slo(ttft_s=1, tpot_s=1, e2e_s=0.05), False),
    ],
)
def test_a_request_meets_the_slo_within_every_limit_of_it(slo: Slo, met: bool) -> None:
    """Four tokens over 100 ms: the first after 25, then one every 25."""
    assert meets(judged(1, request(0, 0, 100), "b1"), slo) is met


def test_a_failed_request_meets_nothing_and_a_short_one_no_time_per_token() -> None:
    assert not meets(judged(1, request(0, 0, 1, failure=REFUSED), "b1"), Slo(ttft_s=9))
    assert meets(judged(1, request(0, 0, 100, chunks=1), "b1"), Slo(tpot_s=0.001))


def test_goodput_counts_what_met_the_slo() -> None:
    """The request of 150 ms has its first token after 37.5."""
    found = values(staggered(FAST))
    assert found["slo_attainment"] == pytest.approx(100 * 7 / 8)
    assert found["goodput_rps"] == pytest.approx(7 / 0.45)


def test_goodput_is_all_that_is_answered_where_all_of_it_meets_the_slo() -> None:
    passes = [closed(2, STAGGERED), closed(2, [2 * took for took in STAGGERED], launch="b2")]
    found = values(cell(users(2, 8, Slo(ttft_s=9)), *passes))
    assert found["goodput_rps"] == pytest.approx(found["requests_per_s"])
    assert found["slo_attainment"] == 100


def test_a_launch_without_any_counts_as_nought() -> None:
    slow = closed(2, [2 * took for took in STAGGERED], launch="b2")
    found = metrics(cell(users(2, 8, FAST), closed(2, STAGGERED), slow))["goodput_rps"]
    assert found.value == pytest.approx(7 / 16 * ((8 / 0.45) * (8 / 0.9)) ** 0.5)
    assert found.launches == {"b1": pytest.approx(7 / 0.45), "b2": 0}


@pytest.mark.parametrize("last_ms", [100.0, 150.0])
def test_goodput_is_what_is_answered_times_what_of_it_met_the_slo(last_ms: float) -> None:
    """Whether a launch has none that met it or not, as the columns of a page stand beside it."""
    passes = [
        closed(2, took, launch=launch)
        for launch, took in zip(
            LAUNCHES,
            ([100.0] * 8, [150.0] * 8, [100.0, 150.0] * 4, [last_ms] * 8),
            strict=True,
        )
    ]
    found = values(cell(users(2, 8, FAST), *passes))
    answered, met = found["requests_per_s"], found["slo_attainment"]
    assert answered is not None
    assert met is not None
    assert 0 < met < 100
    assert found["goodput_rps"] == pytest.approx(answered * met / 100)


def test_failed_requests_count_against_it() -> None:
    events = [*closed(2, STAGGERED), request(8, 350, 0, failure=REFUSED)]
    found = values(cell(users(2, 9, FAST), events))
    assert found["slo_attainment"] == pytest.approx(100 * 7 / 9)
    assert found["requests_per_s"] == pytest.approx(8 / 0.45)
    assert found["goodput_rps"] == pytest.approx(7 / 0.45)


def test_refusals_that_take_no_time_make_no_goodput() -> None:
    """Of the last launch half is refused at once; what is answered comes as fast as elsewhere."""
    passes = [closed(2, [100.0] * 8, launch=launch) for launch in LAUNCHES[:3]]
    refused = [request(4 + n, 50, 0, launch="b4", failure=REFUSED) for n in range(4)]
    passes.append([*closed(2, [100.0] * 4, launch="b4"), *refused])
    found = values(cell(users(2, 8, FAST), *passes))
    assert found["requests_per_s"] == pytest.approx(20)
    assert found["goodput_rps"] == pytest.approx(20)
    assert found["slo_attainment"] == pytest.approx(100 * 28 / 32)


def test_where_no_request_was_answered_there_is_no_goodput_and_nothing_was_met() -> None:
    events = [request(number, 10 * number, 0, failure=REFUSED) for number in range(8)]
    found = metrics(cell(users(2, 8, FAST), events))
    assert found["goodput_rps"].value is None
    assert found["goodput_rps"].reasons == ("no request was answered as asked",)
    assert found["slo_attainment"].value == 0


def test_the_share_that_met_the_slo_has_an_interval_of_its_requests_and_launches() -> None:
    few = metrics(staggered(FAST))["slo_attainment"]
    assert few.ci95 is not None
    assert few.ci95.low < 50  # 7 of 8
    assert few.ci95.high > 99
    alike = metrics(many(18, [100.0] * 18, FAST))["slo_attainment"]
    assert alike.ci95 is not None
    assert (alike.value, alike.ci95.high) == (100, 100)
    assert 95 < alike.ci95.low < 96  # 72 requests
    differing = [
        closed(2, [took] * 18, launch=launch)
        for launch, took in zip(LAUNCHES, (100.0, 100.0, 100.0, 150.0), strict=True)
    ]
    apart = metrics(cell(users(2, 18, FAST), *differing))["slo_attainment"]
    assert apart.value == 75
    assert apart.ci95 is not None
    assert (apart.ci95.low, apart.ci95.high) == (0, 100)


def test_no_goodput_is_nought_and_not_withheld() -> None:
    found = metrics(staggered(Slo(ttft_s=0.001)))
    assert found["goodput_rps"].value == 0
    assert found["slo_attainment"].value == 0
    assert found["goodput_rps"].valid


def test_a_torn_pass_counts_for_nothing_and_the_same_one_made_again_does() -> None:
    load = users(2, 8, FAST)
    torn = closed(2, STAGGERED)[:5]
    again = closed(2, STAGGERED, worker="b1@2")
    made = cell(load, torn, again, torn=[0])
    assert {sample.rule for sample in made.samples[:5]} == {"torn-pass"}
    assert len(made.valid) == 8
    assert values(made) == values(staggered(FAST))
    lonely = cell(load, torn, torn=[0])
    assert values(lonely)["throughput_whole_tps"] is None
    assert metrics(lonely)["goodput_rps"].reasons == (
        "no pass under load was finished undisturbed",
    )
    assert not lonely.gaps


def test_what_disturbs_one_request_from_outside_costs_its_whole_pass() -> None:
    events = closed(2, STAGGERED)
    events[3] = request(3, 150, 100, suspended_ms=100)
    made = cell(users(2, 8), events, closed(2, STAGGERED, repeat=1))
    rules = [sample.rule for sample in made.samples[:8]]
    assert rules.count("suspended") == 1
    assert rules.count("disturbed-pass") == 7
    assert values(made)["throughput_tps"] == pytest.approx(75)
    assert len(made.valid) == 8


def test_a_pass_that_a_replica_began_late_counts_for_nothing() -> None:
    load = users(2, 8, FAST)
    passes = [closed(2, STAGGERED), closed(2, STAGGERED, repeat=1)]
    made = cell(load, *passes, late_ms={0: 51, 1: 50})
    assert {sample.rule for sample in made.samples[:8]} == {"late-start"}
    assert made.samples[0].fault == "a replica began 0.051 s after the others"
    assert len(made.valid) == 8
    assert values(made) == values(staggered(FAST))


def test_prefill_is_told_of_one_user_alone() -> None:
    def prefill(made: Cell) -> Metric:
        return next(m for m in cell_metrics(made, READY) if m.name == "prefill_tps")

    assert prefill(staggered()).value is None
    assert "wait for each other" in prefill(staggered()).reasons[0]
    alone = cell(users(1, 4), closed(1, [100.0] * 4))
    assert prefill(alone).value == pytest.approx(300 / 0.025)


def test_a_cell_without_load_has_no_levels() -> None:
    assert level_metrics(Cell(), READY) == []
