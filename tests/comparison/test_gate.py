from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from crossbench.comparison.gate import Condition, parse, trips
from crossbench.errors import InputError
from tests.comparison.scripted import Script, report
from tests.comparison.test_unfair_pairs import PROTOCOL, SCENARIO
from tests.conftest import SuiteWriter


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ("slower>5%", Condition("slower", 5)),
        (" faster > 2.5 % ", Condition("faster", 2.5)),
        ("slower>0.5%", Condition("slower", 0.5)),
    ],
)
def test_a_condition_is_a_direction_and_a_percentage(written: str, condition: Condition) -> None:
    assert parse(written) == condition


@pytest.mark.parametrize(
    "written", ["", "slower", "slower>5", "slower<5%", "worse>5%", "slower>-5%", "slower>0%"]
)
def test_anything_else_is_named_with_what_is_allowed(written: str) -> None:
    with pytest.raises(InputError, match=r"expected slower>N% or faster>N%"):
        parse(written)


Tripped = Callable[..., set[str]]


@pytest.fixture
def tripped(tmp_path: Path, suite: SuiteWriter) -> Tripped:
    runs = count()

    def run(written: str, script: Script, *, strict: bool = False) -> set[str]:
        path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
        made = report(tmp_path / f"{next(runs)}", path, {"a": Script(), "b": script})
        return {
            trip.compared.metric for trip in trips(made.comparisons, parse(written), strict=strict)
        }

    return run


SLOWER = Script(ttft_s=0.11, tpot_s=0.011)
ALL = {"ttft_s", "prefill_tps", "decode_tps"}


def test_a_difference_beyond_the_percentage_trips(tripped: Tripped) -> None:
    assert tripped("slower>5%", SLOWER) == ALL


def test_one_within_it_does_not(tripped: Tripped) -> None:
    assert tripped("slower>15%", SLOWER) == set()


def test_the_other_direction_does_not(tripped: Tripped) -> None:
    assert tripped("faster>5%", SLOWER) == set()


def test_a_smaller_percentage_than_the_reports_threshold_counts(tripped: Tripped) -> None:
    slightly = Script(ttft_s=0.102, tpot_s=0.0102)
    assert tripped("slower>1%", slightly) == ALL
    assert tripped("slower>5%", slightly) == set()


def test_what_is_refused_trips_only_a_strict_gate(tripped: Tripped) -> None:
    warm = Script(cached=150)
    assert tripped("slower>5%", warm) == set()
    assert tripped("slower>5%", warm, strict=True) == {"ttft_s", "prefill_tps"}
