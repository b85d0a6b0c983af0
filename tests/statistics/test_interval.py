"""Cells: the interval over launches, and when there is none."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.interval import Estimate, Interval, cell
from tests.statistics.values import ANYTHING, LAUNCHES, ODD


def interval(estimate: Estimate) -> Interval:
    assert estimate.interval is not None, estimate.reasons
    return estimate.interval


def test_the_interval_of_a_cell_is_students_on_the_logs() -> None:
    launches = [100.0, 102.0, 99.0, 101.0]
    logs = [math.log(value) for value in launches]
    found = cell(launches)
    reach = 3.18245 * stdev(logs) / 2
    assert found.n == 4
    assert found.point == pytest.approx(math.exp(fmean(logs)))
    assert interval(found).low == pytest.approx(math.exp(fmean(logs) - reach), rel=1e-6)
    assert interval(found).high == pytest.approx(math.exp(fmean(logs) + reach), rel=1e-6)
    assert interval(found).level == 0.95
    assert found.sd_log == pytest.approx(stdev(logs))
    assert found.reasons == ()


def test_freedom_spent_on_a_drift_widens_the_interval() -> None:
    launches = [100.0, 102.0, 99.0, 101.0]
    whole, less = cell(launches), cell(launches, spent=0.5)
    assert interval(less).low < interval(whole).low < interval(whole).high < interval(less).high


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_launches_have_a_point_and_no_interval(count: int) -> None:
    found = cell([5.0, 5.1][:count])
    assert found.point is not None
    assert found.interval is None
    assert found.reasons[0].endswith("an interval needs at least 3")


def test_no_launch_is_a_reason_not_a_number() -> None:
    assert cell([]).point is None
    assert cell([]).reasons == ("no launch has a value",)


@pytest.mark.parametrize("odd", ODD)
def test_a_value_without_a_logarithm_withholds_the_cell(odd: float) -> None:
    found = cell([1.0, odd, 1.1, 1.2])
    assert found.point is None
    assert found.interval is None
    assert "1 of 4 launch values" in found.reasons[0]


def test_launches_that_agree_to_the_last_digit_have_no_interval() -> None:
    found = cell([0.1] * 5)
    assert found.point == pytest.approx(0.1)
    assert found.interval is None
    assert "how much they differ is not known" in found.reasons[0]


def test_launches_that_only_round_differently_agree() -> None:
    assert cell([0.1, 0.1 * (1 + 2e-16), 0.1, 0.1]).interval is None


def test_launches_farther_apart_than_floats_reach_have_no_interval() -> None:
    found = cell([1e300, 1e-300, 1e300, 1e-300])
    assert found.interval is None
    assert found.reasons == ("the launches differ too much",)


@given(LAUNCHES, st.floats(1e-3, 1e3))
def test_a_change_of_unit_changes_only_the_unit(launches: list[float], factor: float) -> None:
    found, scaled = cell(launches), cell([factor * value for value in launches])
    if found.interval and scaled.interval:
        assert scaled.interval.low == pytest.approx(factor * found.interval.low, rel=1e-6)
        assert scaled.interval.high == pytest.approx(factor * found.interval.high, rel=1e-6)


@given(LAUNCHES)
def test_a_time_and_its_rate_have_the_same_interval(launches: list[float]) -> None:
    found, inverse = cell(launches), cell([1 / value for value in launches])
    if found.interval and inverse.interval:
        assert inverse.interval.low == pytest.approx(1 / found.interval.high, rel=1e-6)


@given(LAUNCHES, st.randoms())
def test_the_order_of_launches_is_irrelevant(launches: list[float], random: object) -> None:
    shuffled = list(launches)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found, again = cell(launches), cell(shuffled)
    assert again.point == pytest.approx(found.point)
    assert again.sd_log == pytest.approx(found.sd_log)


def test_more_launches_narrow_the_interval() -> None:
    """On average, by the widths of 300 cells at each count."""
    rng = np.random.default_rng(5)
    widths = []
    for count in (3, 4, 6, 10):
        cells = [interval(cell(list(np.exp(rng.normal(0, 0.01, count))))) for _ in range(300)]
        widths.append(fmean(each.high - each.low for each in cells))
    assert widths == sorted(widths, reverse=True)


@given(st.lists(ANYTHING, max_size=6))
def test_whatever_comes_there_is_a_sound_number_or_a_reason(launches: list[float]) -> None:
    found = cell(launches)
    if found.point is not None:
        assert 0 < found.point < math.inf
        assert min(launches) * (1 - 1e-9) <= found.point <= max(launches) * (1 + 1e-9)
    if found.interval is None:
        assert found.reasons
    else:
        assert found.point is not None
        assert 0 < found.interval.low <= found.point <= found.interval.high < math.inf
