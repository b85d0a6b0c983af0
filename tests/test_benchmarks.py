"""The statistics that the benchmarks' tables are made with."""

from __future__ import annotations

import math

import pytest

from benchmarks.llamacpp import paired


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (9, 2.262), (11, 2.201), (19, 2.093), (30, 2.042), (120, 1.980)],
)
def test_students_quantile_agrees_with_the_printed_table(freedom: int, quantile: float) -> None:
    assert paired.student(freedom) == pytest.approx(quantile, abs=0.001)


def test_a_ratio_is_the_geometric_mean_of_its_pairs() -> None:
    interval = paired.ratio([2.0, 8.0, 4.0], [1.0, 2.0, 2.0])
    assert interval.point == pytest.approx(16 ** (1 / 3))
    reach = 4.3027 * math.log(4 / 2) / math.sqrt(3) / math.sqrt(3)
    assert math.log(interval.high / interval.point) == pytest.approx(reach, rel=1e-3)
    assert interval.low < interval.point < interval.high


def test_one_repetition_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="needs at least 2"):
        paired.mean([1.0])
