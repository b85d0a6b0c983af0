"""The noise band of a null test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from crossbench.statistics.band import band
from tests.statistics.test_ratio import WILD
from tests.statistics.values import ODD, near


def test_the_band_counts_deviations_from_one() -> None:
    """Differences 1, -1, 2, 0 %: root mean square 1.224745 %, t of 4 freedoms 2.776445."""
    found = band(near(10, [1, -1, 2, 0]), near(10, [0, 0, 0, 0]))
    reach = 2.776445 * 0.01224745 / 2
    assert found.ratio == pytest.approx(math.exp(0.005))
    assert found.band is not None
    assert found.band.low == pytest.approx(math.exp(-reach), rel=1e-6)
    assert found.band.high == pytest.approx(math.exp(reach), rel=1e-6)
    assert (found.n, found.reasons) == (4, ())


def test_later_null_ratios_lie_in_the_band_19_times_of_20() -> None:
    """The band of one null test against the ratio of the next: 2000 pairs, four standard errors."""
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(2000):
        one, two = (np.exp(rng.normal(0, 0.01, (2, 6))) for _ in range(2))
        found = band(dict(enumerate(one[0])), dict(enumerate(one[1]))).band
        assert found is not None
        later = math.exp(float(np.log(two[0] / two[1]).mean()))
        hits += found.holds(later)
    assert hits / 2000 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 2000))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({}, {}, "no block"),
        ({0: 1.0}, {0: 1.1}, "needs at least 3"),
        *[({0: odd, 1: 1.0, 2: 1.0}, near(1, [0, 1, 2]), "not a positive") for odd in ODD],
        (near(1, [1, 2, 3]), near(1, [1, 2, 3]), "how much they differ is not known"),
    ],
)
def test_without_a_band_there_is_a_reason(
    a: dict[int, float], b: dict[int, float], words: str
) -> None:
    found = band(a, b)
    assert found.band is None
    assert words in found.reasons[0]


@given(WILD, WILD)
def test_whatever_comes_there_is_a_band_or_a_reason(
    a: dict[int, float], b: dict[int, float]
) -> None:
    found = band(a, b)
    assert found.band is not None or found.reasons
