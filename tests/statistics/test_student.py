"""Student's t and the beta function behind it, against printed tables and sums of their own."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.student import incomplete_beta, quantile, two_sided_p


@pytest.mark.parametrize(
    ("freedom", "at_90", "at_95", "at_99"),
    [  # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2
        (1, 6.314, 12.706, 63.657),
        (2, 2.920, 4.303, 9.925),
        (3, 2.353, 3.182, 5.841),
        (4, 2.132, 2.776, 4.604),
        (5, 2.015, 2.571, 4.032),
        (7, 1.895, 2.365, 3.499),
        (10, 1.812, 2.228, 3.169),
        (15, 1.753, 2.131, 2.947),
        (30, 1.697, 2.042, 2.750),
        (100, 1.660, 1.984, 2.626),
    ],
)
def test_quantiles_agree_with_the_printed_table(
    freedom: int, at_90: float, at_95: float, at_99: float
) -> None:
    found = [quantile(level, freedom) for level in (0.90, 0.95, 0.99)]
    assert found == pytest.approx([at_90, at_95, at_99], abs=0.0006)


def test_many_freedoms_give_the_normal_distribution() -> None:
    assert quantile(0.95, 1e7) == pytest.approx(1.959964, abs=1e-5)


@pytest.mark.parametrize("t", [0.1, 1.0, 2.5, 7.0, 300.0])
def test_one_and_two_freedoms_agree_with_their_closed_forms(t: float) -> None:
    assert two_sided_p(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, rel=1e-10)
    assert two_sided_p(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-8)


@pytest.mark.parametrize("freedom", [0.7, 2.5, 3.9, 11.3])
def test_freedoms_that_are_not_whole_agree_with_the_integrated_density(freedom: float) -> None:
    t, steps = 1.7, 20_000
    x = np.linspace(0, t, steps + 1)
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    density = np.exp(log_scale) / math.sqrt(freedom * math.pi)
    heights = density * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    inside = 2 * float(np.trapezoid(heights, x))
    assert two_sided_p(t, freedom) == pytest.approx(1 - inside, abs=1e-8)


@given(st.integers(1, 40), st.integers(0, 39), st.integers(1, 99))
def test_the_beta_function_is_a_binomial_sum(n: int, most: int, percent: int) -> None:
    most = min(most, n - 1)
    p = Fraction(percent, 100)
    exact = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(most + 1))
    assert incomplete_beta(1 - percent / 100, n - most, most + 1) == pytest.approx(
        float(exact), rel=1e-9, abs=1e-13
    )


@given(st.floats(0.5, 0.9999), st.floats(0.8, 200))
def test_a_quantile_is_the_inverse_of_its_probability(level: float, freedom: float) -> None:
    assert two_sided_p(quantile(level, freedom), freedom) == pytest.approx(1 - level, rel=1e-6)


def test_an_endless_t_has_no_probability_and_none_is_certain() -> None:
    assert two_sided_p(math.inf, 3) == 0
    assert two_sided_p(0.0, 3) == 1
    assert two_sided_p(-2.0, 3) == two_sided_p(2.0, 3)
