"""Percentiles: refused where too few, bracketed without a distribution where not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.interval import Estimate, Interval
from crossbench.statistics.percentile import least, percentile
from crossbench.statistics.percentile import pooled as pooled_of
from crossbench.statistics.pool import Pool
from tests.statistics.values import ANYTHING, ODD


def interval(found: Interval | None) -> Interval:
    assert found is not None
    return found


def pooled(launches: Mapping[str, Sequence[float]], fraction: float) -> Estimate:
    return pooled_of(Pool(launches), fraction)


def test_the_least_samples_are_those_of_the_definition() -> None:
    assert [least(fraction) for fraction in (0.5, 0.95, 0.99, 0.05)] == [6, 72, 368, 72]
    for fraction in (0.5, 0.9, 0.95, 0.99):
        n = least(fraction)
        assert 1 - fraction**n >= 0.975 > 1 - fraction ** (n - 1)


@pytest.mark.parametrize(("fraction", "name", "needed"), [(0.95, "p95", 72), (0.99, "p99", 368)])
def test_a_sample_too_small_gives_no_number(fraction: float, name: str, needed: int) -> None:
    found = percentile([1.0] * (needed - 1), fraction)
    assert found.point is None
    assert found.reasons == (f"{needed - 1} values; {name} needs at least {needed}",)
    enough = percentile(np.arange(1.0, needed + 1).tolist(), fraction)
    assert enough.point is not None
    assert interval(enough.interval).high == needed


def test_the_median_stands_on_few_but_has_no_interval_there() -> None:
    found = percentile([3.0, 1.0, 2.0], 0.5)
    assert (found.point, found.interval) == (2.0, None)
    assert found.reasons == ("3 values; an interval needs at least 6",)
    assert percentile([1, 2, 3, 4, 5, 6], 0.5).interval == Interval(1, 6, 0.95)


def test_the_ranks_are_those_of_printed_tables() -> None:
    """Of 20 values the median lies between the 6th and the 15th, of 100 the 40th and the 61st."""
    twenty = interval(percentile(list(range(1, 21)), 0.5).interval)
    hundred = interval(percentile(list(range(1, 101)), 0.5).interval)
    assert (twenty.low, twenty.high) == (6, 15)
    assert (hundred.low, hundred.high) == (40, 61)


@pytest.mark.parametrize(("fraction", "n"), [(0.5, 6), (0.5, 41), (0.95, 72), (0.95, 300)])
def test_the_interval_holds_the_truth_whatever_the_distribution(fraction: float, n: int) -> None:
    """2000 samples of a skewed distribution; four standard errors of a share of 95 %."""
    rng = np.random.default_rng(3)
    truth = math.exp(float(np.quantile(rng.normal(size=2_000_000), fraction)))
    hits = 0
    for _ in range(2000):
        found = percentile(np.exp(rng.normal(size=n)).tolist(), fraction)
        hits += interval(found.interval).holds(truth)
    assert hits / 2000 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize("odd", [value for value in ODD if value != 0])
def test_values_that_are_no_durations_are_refused(odd: float) -> None:
    assert percentile([1.0, odd] * 40, 0.5).point is None
    assert pooled({"a": [1.0, odd] * 40, "b": [1.0]}, 0.5).point is None


def test_a_gap_of_zero_is_a_value() -> None:
    assert percentile([0.0, 0.0, 1.0], 0.5).point == 0
    found = pooled({name: [0.0, 0.0, 1.0] for name in "abc"}, 0.5)
    assert (found.point, found.interval) == (0, None)
    assert "no logarithm" in found.reasons[0]


def test_pooled_gaps_of_one_launch_have_no_high_percentile() -> None:
    found = pooled({"a": list(range(1, 500)), "b": []}, 0.95)
    assert found.point is None
    assert "not independent" in found.reasons[0]


def test_pooled_gaps_of_two_launches_have_a_point_and_no_interval() -> None:
    found = pooled({name: list(range(1, 500)) for name in "ab"}, 0.95)
    assert found.point is not None
    assert (found.interval, found.n) == (None, 2)
    assert "an interval needs at least 3" in found.reasons[0]


def test_gaps_alike_within_launches_do_not_narrow_the_interval() -> None:
    """Launches 1 % apart: a thousand gaps each say no more than the launches do. 500 runs."""
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(500):
        levels = np.exp(rng.normal(0, 0.01, 6))
        launches = {
            str(each): (level * rng.uniform(0.99, 1.01, 200)).tolist()
            for each, level in enumerate(levels)
        }
        hits += interval(pooled(launches, 0.5).interval).holds(1.0)
    assert hits / 500 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 500)


@given(st.lists(ANYTHING, max_size=80), st.sampled_from([0.05, 0.5, 0.95]))
def test_whatever_comes_there_is_a_percentile_or_a_reason(
    values: list[float], fraction: float
) -> None:
    found = percentile(values, fraction)
    if found.point is None or found.interval is None:
        assert found.reasons
    else:
        assert found.interval.low <= found.point <= found.interval.high


@given(st.dictionaries(st.text(max_size=1), st.lists(ANYTHING, max_size=30), max_size=4))
def test_whatever_comes_pooled_there_is_a_percentile_or_a_reason(
    launches: dict[str, list[float]],
) -> None:
    found = pooled(launches, 0.5)
    assert found.interval is not None or found.reasons
