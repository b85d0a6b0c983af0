from __future__ import annotations

import pytest

from crossbench.analysis.metric import summarised
from crossbench.report.words import multiple, value

LAUNCHES = {"b1": 99.0, "b2": 100.0, "b3": 101.0}


def test_a_value_stands_with_its_interval_in_square_brackets() -> None:
    assert value(summarised("x", "tokens/s", launches=LAUNCHES)) == "100 tok/s [97.5, 102.5]"


def test_the_interval_has_the_unit_of_the_value() -> None:
    shown = value(summarised("x", "s", launches={k: v / 1e6 for k, v in LAUNCHES.items()}))
    assert shown == "100 µs [97.5, 102.5]"


def test_without_an_interval_the_range_stands_in_round_ones() -> None:
    two = {"b1": 99.0, "b2": 101.0}
    assert value(summarised("x", "tokens/s", launches=two)) == "100 tok/s (99 to 101)"


def test_what_is_withheld_is_a_dash() -> None:
    assert value(summarised("x", "s", launches={}, reasons=["no"])) == "\u2013"


@pytest.mark.parametrize(
    ("ratio", "shown"), [(1.0, "1.000"), (0.9994, "0.999"), (2.5, "2.500"), (23.4, "23.4")]
)
def test_a_ratio_is_told_to_a_tenth_of_a_percent(ratio: float, shown: str) -> None:
    assert multiple(ratio) == shown
