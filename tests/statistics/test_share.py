"""Shares and rates of what is counted: their intervals hold the truth, and admit how few it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.interval import cell
from crossbench.statistics.share import binomial, rate, share

LAUNCHES = st.lists(
    st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(
    ("met", "of", "low", "high"),
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_the_exact_interval_is_that_of_the_tables(
    met: int, of: int, low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 5."""
    found, turned = binomial(met, of), binomial(of - met, of)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)
    assert 1 - turned.high == pytest.approx(found.low)
    assert 1 - turned.low == pytest.approx(found.high)


def test_it_takes_72_requests_that_all_meet_a_limit_to_be_sure_of_95_in_a_hundred() -> None:
    """As many as a 95th percentile takes."""
    assert binomial(72, 72).low >= 0.95 > binomial(71, 71).low
    assert binomial(72, 72).low == pytest.approx(0.025 ** (1 / 72))


@given(LAUNCHES)
def test_no_interval_is_narrower_than_that_of_independent_requests(
    launches: list[tuple[int, int]],
) -> None:
    met, of = zip(*launches, strict=True)
    found, exact = share(met, of), binomial(sum(met), sum(of))
    assert found.point is not None
    assert found.interval is not None
    assert 0 <= found.interval.low <= exact.low <= found.point
    assert found.point <= exact.high <= found.interval.high <= 1
    assert found.n == len(launches)


def test_launches_that_differ_by_more_than_chance_widen_it_from_three_on() -> None:
    alike, apart = share([60] * 4, [66] * 4), share([66, 66, 66, 42], [66] * 4)
    assert alike.point == apart.point
    exact = binomial(240, 264)
    assert alike.interval == exact
    assert apart.interval is not None
    assert apart.interval.low == pytest.approx(0.619, abs=0.001)  # 10/11 - 3.182 x 1/11
    assert apart.interval.high == 1.0
    assert share([66, 42], [66, 66]).interval == binomial(108, 132)


def test_nothing_counted_is_no_share() -> None:
    assert share([], []).point is None
    assert share([0], [0]).reasons == ("none was counted",)
    assert rate([], [], []).point is None
    assert rate([1, 0], [1, 0], [1.0, 1.0]).point is None


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.06])
def test_nineteen_of_twenty_hold_the_truth_however_launches_differ(spread: float) -> None:
    """Four launches of 66 requests, of which 85 % meet it on average; 400 runs."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        chances = np.full(4, 0.85)
        if spread:
            whole = 0.85 * 0.15 / spread**2 - 1
            chances = rng.beta(0.85 * whole, 0.15 * whole, 4)
        found = share([int(each) for each in rng.binomial(66, chances)], [66] * 4)
        held += found.interval is not None and found.interval.holds(0.85)
    assert held / 400 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 400)


def test_a_rate_is_the_share_of_what_was_counted_a_second() -> None:
    found = rate([8, 0], [8, 8], [0.5, 1.0])
    assert found.point == pytest.approx(0.5 * math.sqrt(16 * 8))
    assert found.interval is None
    assert rate([7], [8], [0.5]).point == pytest.approx(14)
    assert rate([7], [8], [0.5]).reasons == ("1 launch; an interval needs at least 3",)


def test_where_all_meet_it_the_rate_is_that_of_all_interval_and_all() -> None:
    seconds = [1.0, 1.1, 1.3, 0.9]
    found, all_of_them = rate([8] * 4, [8] * 4, seconds), cell([8 / took for took in seconds])
    assert found.point == pytest.approx(all_of_them.point)
    assert found.interval is not None
    assert all_of_them.interval is not None
    assert found.interval.low == pytest.approx(all_of_them.interval.low)
    assert found.interval.high == pytest.approx(all_of_them.interval.high)


@pytest.mark.parametrize(
    ("met", "told"),
    [([0, 0, 0], "it is zero"), ([2, 0, 0], "without one of its launches it is zero")],
)
def test_a_rate_that_one_launch_makes_has_no_interval(met: list[int], told: str) -> None:
    found = rate(met, [8] * 3, [1.0] * 3)
    assert found.interval is None
    assert found.reasons[0].startswith(told)
