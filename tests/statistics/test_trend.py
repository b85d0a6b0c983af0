"""Flags: repeats that warm up or slow down, cells that drift, values that stand apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.interval import cell
from crossbench.statistics.trend import outliers, sentinel, trend
from tests.statistics.values import ANYTHING

NOISE = [[0.1, -0.2, 0.1], [0.0, 0.1, -0.1], [-0.1, 0.2, 0.0], [0.2, 0.0, -0.2]]


def repeats(*percents: float, noise: list[list[float]] = NOISE) -> dict[str, list[float]]:
    """Four launches whose repeats take so many per cent more, and a little noise."""
    return {
        f"b{launch}": [math.exp((a + b) / 100) for a, b in zip(percents, row, strict=True)]
        for launch, row in enumerate(noise)
    }


def names(*percents: float) -> list[str]:
    """The flags of repeats as times, which are those of the same repeats as rates."""
    times = repeats(*percents)
    rates = {name: [1 / each for each in values] for name, values in times.items()}
    found = trend(times, higher_is_better=False)
    inverse = trend(rates, higher_is_better=True)
    assert [(flag.name, flag.reason) for flag in found] == [
        (flag.name, flag.reason) for flag in inverse
    ]
    assert [flag.size for flag in found] == pytest.approx([flag.size for flag in inverse])
    return [flag.name for flag in found]


def test_a_slower_first_repeat_is_a_warm_up_that_did_not_suffice() -> None:
    assert names(5, 0, 0) == ["warmup_insufficient"]
    (flag,) = trend(repeats(5, 0, 0), higher_is_better=False)
    assert flag.reason == "the first repeat is 5.2% slower than the later ones"
    assert math.expm1(flag.size) == pytest.approx(0.052, abs=0.001)


def test_a_faster_first_repeat_is_one_too() -> None:
    assert names(-5, 0, -1) == ["warmup_insufficient"]
    (flag,) = trend(repeats(-5, 0, -1), higher_is_better=False)
    assert flag.reason.endswith("faster than the later ones")


def test_repeats_that_each_take_longer_are_a_drift_of_heat() -> None:
    assert names(0, 2, 4) == ["thermal_drift"]
    (flag,) = trend(repeats(0, 2, 4), higher_is_better=False)
    assert flag.reason.startswith("each repeat is slower than the one before, 4")
    assert math.expm1(flag.size) == pytest.approx(0.04, abs=0.002)


@pytest.mark.parametrize("percents", [(0, 0, 0), (0.4, 0, 0), (0, 0.2, 0.4)])
def test_what_hardly_moves_a_launch_is_not_told(percents: tuple[float, ...]) -> None:
    assert names(*percents) == []


@pytest.mark.parametrize("percents", [(0.4, 0, 0), (0, 0.2, 0.4)])
def test_a_certain_trend_is_not_told_where_it_hardly_moves_a_launch(
    percents: tuple[float, ...],
) -> None:
    quiet = [[each / 100 for each in row] for row in NOISE]
    assert trend(repeats(*percents, noise=quiet), higher_is_better=False) == ()
    tenfold = [10 * each for each in percents]
    assert trend(repeats(*tenfold, noise=quiet), higher_is_better=False) != ()


def test_the_test_of_the_first_repeat_errs_as_often_as_it_says() -> None:
    """4000 cells whose noise makes 0.25 % easy: 5 %, less those that count as slowing down."""
    rng = np.random.default_rng(10)
    flagged = 0
    for _ in range(4000):
        cells = {str(n): list(row) for n, row in enumerate(np.exp(rng.normal(0, 0.05, (4, 3))))}
        flags = trend(cells, higher_is_better=False)
        flagged += any(flag.name == "warmup_insufficient" for flag in flags)
    assert flagged / 4000 == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4000))


def test_one_launch_of_many_that_warms_up_is_no_trend() -> None:
    times = repeats(0, 0, 0)
    times["b0"][0] *= 1.2
    assert trend(times, higher_is_better=False) == ()


def test_noise_alone_is_rarely_flagged() -> None:
    """2000 cells of 4 x 3 with repeats of 0.5 %: no more than the test's 5 %."""
    rng = np.random.default_rng(8)
    flagged = 0
    for _ in range(2000):
        cells = {str(n): list(row) for n, row in enumerate(np.exp(rng.normal(0, 0.005, (4, 3))))}
        flagged += bool(trend(cells, higher_is_better=False))
    assert flagged / 2000 <= 0.05


@pytest.mark.parametrize(
    "few", [{}, {"a": [1.0]}, {"a": [1.0, 2.0], "b": [1.0, 2.0]}, {"a": [], "b": [], "c": []}]
)
def test_too_little_to_see_a_trend_in_shows_none(few: dict[str, list[float]]) -> None:
    assert trend(few, higher_is_better=False) == ()


def test_launches_of_unequal_length_count_as_far_as_the_shortest() -> None:
    times = repeats(5, 0, 0)
    times["b1"].append(99.0)
    assert trend(times, higher_is_better=False) == trend(repeats(5, 0, 0), higher_is_better=False)


FIRST = {"b1": 1.00, "b2": 1.01, "b3": 0.99, "b4": 1.0}


def test_a_sentinel_that_moved_more_than_launches_differ_is_flagged() -> None:
    again = {
        name: value * factor
        for (name, value), factor in zip(FIRST.items(), [1.05, 1.06, 1.055, 1.05], strict=True)
    }
    (flag,) = sentinel(FIRST, again, cell(list(FIRST.values())))
    assert flag.name == "drift"
    assert "1.054 of what it was" in flag.reason


@pytest.mark.parametrize(
    "factors",
    [
        [1.003, 1.004, 1.003, 1.004],  # certain, but small beside the launches' spread
        [1.2, 0.8, 1.1, 0.9],  # large, but either way
    ],
)
def test_a_sentinel_within_the_spread_is_not_flagged(factors: list[float]) -> None:
    again = {name: value * by for (name, value), by in zip(FIRST.items(), factors, strict=True)}
    assert sentinel(FIRST, again, cell(list(FIRST.values()))) == ()


def test_a_sentinel_of_two_launches_says_nothing() -> None:
    again = {"b1": 9.0, "b2": 9.0, "other": 9.0}
    assert sentinel(FIRST, again, cell(list(FIRST.values()))) == ()


def test_a_value_far_from_the_median_is_flagged_by_name() -> None:
    values = {f"b1 repeat {each}": 1 + each / 1000 for each in range(12)}
    (flag,) = outliers({**values, "b4 repeat 2": 1.4})
    assert flag.name == "outlier"
    assert flag.reason == "b4 repeat 2: 1.4 is 1.392 of the median"


def test_where_most_agree_exactly_one_apart_is_still_flagged() -> None:
    assert len(outliers({**{str(each): 2.0 for each in range(9)}, "odd": 2.2})) == 1
    assert outliers({str(each): 2.0 for each in range(9)}) == ()


def test_where_most_agree_exactly_the_others_are_not_all_outliers() -> None:
    apart = {"a": 2.02, "b": 1.98, "c": 2.01, "d": 1.99, "e": 2.02}
    assert outliers({**{str(each): 2.0 for each in range(7)}, **apart}) == ()


def test_few_values_have_no_outlier() -> None:
    assert outliers({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 50.0}) == ()


@pytest.mark.parametrize("count", [6, 12, 30])
def test_the_flags_of_a_normal_sample_are_rare(count: int) -> None:
    """At most 5 % of 2000 cells, four standard errors allowed."""
    rng = np.random.default_rng(9)
    cells = (np.exp(rng.normal(0, 0.01, count)) for _ in range(2000))
    flagged = sum(bool(outliers({str(n): v for n, v in enumerate(each)})) for each in cells)
    assert flagged / 2000 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2000)


@given(
    st.dictionaries(st.text(max_size=1), st.lists(ANYTHING, max_size=4), max_size=5),
    st.dictionaries(st.text(max_size=1), ANYTHING, max_size=9),
)
def test_whatever_comes_it_is_flagged_or_not(
    launches: dict[str, list[float]], values: dict[str, float]
) -> None:
    for flag in (
        *trend(launches, higher_is_better=True),
        *outliers(values),
        *sentinel(values, values, cell(list(values.values()))),
    ):
        assert flag.reason
