from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crossbench.report.charts.scale import WIDE, fitting

POSITIVE = st.floats(1e-6, 1e9, allow_nan=False)


@given(st.lists(POSITIVE, min_size=1, max_size=8))
def test_every_value_and_every_tick_has_its_place(values: list[float]) -> None:
    scale = fitting(values, 100, 500)
    for value in (*values, *scale.ticks):
        assert 100 - 1e-6 <= scale.at(value) <= 500 + 1e-6
    assert 2 <= len(scale.ticks) <= 17
    assert scale.low <= min(values)
    assert scale.high >= max(values) * (1 - 1e-9)


@given(POSITIVE, POSITIVE, POSITIVE)
def test_more_is_never_further_left(a: float, b: float, c: float) -> None:
    scale = fitting([a, b, c], 0, 100)
    places = [scale.at(value) for value in sorted([a, b, c])]
    assert places == sorted(places)


def test_values_close_together_start_at_zero() -> None:
    scale = fitting([90.0, 110.0], 0, 100)
    assert not scale.log
    assert scale.ticks == (0, 50, 100, 150)


def test_values_far_apart_are_logarithmic() -> None:
    assert fitting([1.0, WIDE * 1.01], 0, 100).log
    assert fitting([72.8, 5862.0], 0, 100).ticks == (50, 100, 200, 500, 1000, 2000, 5000, 10000)


def test_one_value_has_a_scale_either_way() -> None:
    assert fitting([256.0], 0, 100, log=True).high > 256
    assert fitting([256.0], 0, 100).at(256.0) > 50
