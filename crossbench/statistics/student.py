"""Student's t, from the regularised incomplete beta function; freedoms need not be whole.

Formulas: NIST Digital Library of Mathematical Functions, 8.17.22 (the continued fraction) and
8.17.4 (its symmetry); evaluated by Lentz's method as Thompson and Barnett give it (1986).
"""

from __future__ import annotations

import math
from functools import lru_cache

TINY = 1e-300
PRECISION = 1e-15
MOST_TERMS = 100_000
"""Convergence takes about the square root of the greater parameter."""


def two_sided_p(t: float, freedom: float) -> float:
    """How likely |T| is at least |t|."""
    if math.isinf(t):
        return 0.0
    square = t * t
    return incomplete_beta(freedom / (freedom + square), freedom / 2, 0.5)


@lru_cache(maxsize=4096)
def quantile(level: float, freedom: float) -> float:
    """The t that |T| stays below with probability `level`: 0.95 and many freedoms give 1.96."""
    low, high = 0.0, 1.0
    while two_sided_p(high, freedom) > 1 - level:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if two_sided_p(middle, freedom) > 1 - level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), regularised: how likely a beta variable of these parameters is at most x."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1 / (1 + d2 / (1 + ...)) of DLMF 8.17.22."""
    value, above, below = 1.0, 1.0, 0.0
    for term in range(1, MOST_TERMS):
        m, odd = divmod(term, 2)
        if odd:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / ((1 + d * below) or TINY)
        above = (1 + d / above) or TINY
        value *= above * below
        if abs(above * below - 1) < PRECISION:
            break
    return value
