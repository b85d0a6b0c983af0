"""Bits per byte, differences and agreement, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from crossbench.analysis.quality import bits_per_byte, difference
from crossbench.journal.events import WindowScored

BIT = -math.log(2)


def scored(number: int, bits: list[float], likeliest: list[int], size: int = 8) -> WindowScored:
    return WindowScored(
        launch="q",
        window=number,
        bytes=size,
        logprobs=tuple(BIT * each for each in bits),
        likeliest=tuple(likeliest),
    )


def test_bits_per_byte_is_a_ratio_of_sums() -> None:
    windows = {0: scored(0, [1, 3], [1, 2], size=4), 1: scored(1, [8], [3], size=12)}
    assert bits_per_byte(windows) == pytest.approx(12 / 16)


def test_nothing_scored_gives_no_number() -> None:
    assert bits_per_byte({}) is None


def test_the_difference_is_paired_by_window() -> None:
    reference = {n: scored(n, [n, 2.0], [1, 2]) for n in range(20)}
    worse = {n: scored(n, [n + 0.8, 2.0], [1, 3]) for n in range(20)}
    found = difference(worse, reference)
    assert found is not None
    assert found.bits_per_byte == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1)  # every window loses the same: no spread is left
    assert found.high == pytest.approx(0.1)
    assert found.top1_agreement == pytest.approx(0.5)


def test_an_interval_holds_a_spread_that_is_there() -> None:
    reference = {n: scored(n, [2.0], [1]) for n in range(40)}
    noisy = {n: scored(n, [2.0 + (0.8 if n % 2 else -0.8)], [1]) for n in range(40)}
    found = difference(noisy, reference)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert 0.02 < found.high - found.low < 0.1  # 4 standard errors of 0.1 / sqrt(40) are 0.063


def test_only_windows_of_both_count() -> None:
    one = {0: scored(0, [1], [1]), 1: scored(1, [9], [1])}
    other = {0: scored(0, [3], [1]), 2: scored(2, [9], [1])}
    found = difference(one, other)
    assert found is not None
    assert (found.windows, found.low) == (1, None)
    assert found.bits_per_byte == pytest.approx(-0.25)
    assert difference({1: one[1]}, {2: other[2]}) is None
