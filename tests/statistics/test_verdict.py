"""Verdicts: what may be said of ratios that are looked at together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.ratio import Ratio, paired
from crossbench.statistics.verdict import ALPHA, Judgement, enough, holm, verdicts
from tests.statistics.values import near

MIRROR = {"faster": "slower", "slower": "faster", "tie": "tie", "inconclusive": "inconclusive"}
FLAT = [0.0, 0.0, 0.0, 0.0]


def ratio(*percents: float) -> Ratio:
    """A ratio whose blocks differ by so many per cent."""
    return paired(near(10, list(percents)), near(10, [0.0] * len(percents)))


def one(found: Ratio, *, better: bool = True, threshold: float = 0.03) -> Judgement:
    return verdicts({"x": found}, higher_is_better={"x": better}, threshold=threshold)["x"]


@pytest.mark.parametrize(
    ("percents", "better", "verdict"),
    [
        ([5.0, 5.5, 4.5, 5.0], True, "faster"),
        ([5.0, 5.5, 4.5, 5.0], False, "slower"),
        ([-5.0, -5.5, -4.5, -5.0], True, "slower"),
        ([-5.0, -5.5, -4.5, -5.0], False, "faster"),
        ([-2.98, -3.0, -2.97, -2.99], True, "slower"),  # beyond 1/1.03, not beyond 0.97
        ([0.3, -0.3, 0.2, -0.1], True, "tie"),
        ([2.2, -2.2, 1.34, -1.34], True, "tie"),  # its 95 % interval reaches beyond 3 %
        ([1.0, 1.1, 0.9, 1.0], True, "tie"),
        ([2.8, 2.9, 2.7, 3.2], True, "inconclusive"),
        ([9.0, -9.0, 2.0, -2.0], True, "inconclusive"),
    ],
)
def test_verdicts_by_example(percents: list[float], better: bool, verdict: str) -> None:
    assert one(ratio(*percents), better=better).verdict == verdict


@pytest.mark.parametrize(
    ("percents", "unsettled", "verdict"),
    [
        ([12.0, 12.5, 11.5, 12.0], 0.0, "faster"),
        ([12.0, 12.5, 11.5, 12.0], 0.05, "faster"),
        ([12.0, 12.5, 11.5, 12.0], 0.10, "inconclusive"),
        ([-12.0, -12.5, -11.5, -12.0], 0.05, "slower"),
        ([-12.0, -12.5, -11.5, -12.0], 0.10, "inconclusive"),
        ([0.3, -0.3, 0.2, -0.1], 0.02, "tie"),
        ([0.3, -0.3, 0.2, -0.1], 0.03, "inconclusive"),
    ],
)
def test_a_trend_within_launches_may_be_all_there_is(
    percents: list[float], unsettled: float, verdict: str
) -> None:
    found = verdicts(
        {"x": ratio(*percents)}, higher_is_better={"x": True}, unsettled={"x": unsettled}
    )["x"]
    assert found.verdict == verdict
    assert ("repeats changed" in found.reason) == (verdict == "inconclusive")


@pytest.mark.parametrize(
    ("percents", "words"),
    [
        ([9.0, -9.0, 2.0, -2.0], "too much noise"),
        ([2.8, 2.9, 2.7, 3.2], "whether it exceeds 3% is open"),
        ([5.0], "needs at least 3"),
        ([5.0, 5.1], "needs at least 3"),
        ([5.0, 5.0, 5.0, 5.0], "how much they differ is not known"),
        ([], "no block"),
    ],
)
def test_inconclusive_says_why(percents: list[float], words: str) -> None:
    found = one(ratio(*percents))
    assert found.verdict == "inconclusive"
    assert words in found.reason


def test_what_is_certain_alone_may_not_be_among_many() -> None:
    found = {"a": ratio(4, 8, 5, 9), **{str(each): ratio(9, -9, 2, each) for each in range(9)}}
    together = verdicts(found, higher_is_better=dict.fromkeys(found, True))
    assert one(found["a"]).verdict == "faster"
    assert together["a"].verdict == "inconclusive"
    assert "among 10 ratios judged together" in together["a"].reason


def test_a_ratio_that_is_withheld_does_not_count_among_those_tested() -> None:
    found = {"a": ratio(4, 8, 5, 9), **{str(each): ratio(1) for each in range(9)}}
    together = verdicts(found, higher_is_better=dict.fromkeys(found, True))
    assert together["a"].verdict == "faster"
    assert together["3"].p is None


def test_a_time_and_its_rate_are_one_test() -> None:
    """Holm would count two of each, and p 0.019 would not do."""
    percents = [4.0, 8.0, 5.0, 9.0]
    ratios = {"rate": ratio(*percents), "time": ratio(*(-each for each in percents))}
    found = verdicts(ratios, higher_is_better={"rate": True, "time": False})
    assert [each.verdict for each in found.values()] == ["faster", "faster"]
    alone = one(ratios["rate"])
    assert alone.p == pytest.approx(ratios["rate"].p)
    assert found["rate"].p == pytest.approx(alone.p)
    assert found["time"].p == pytest.approx(alone.p)


def test_ratios_that_only_lie_alike_are_tests_of_their_own() -> None:
    ratios = {"a": ratio(4.0, 8.0, 5.0, 9.0), "b": ratio(4.0, 8.0, 5.0, 9.001)}
    found = verdicts(ratios, higher_is_better=dict.fromkeys(ratios, True))
    alone = one(ratios["a"]).p
    assert alone
    assert found["a"].p == pytest.approx(2 * alone, rel=0.01)


def test_the_threshold_is_the_callers() -> None:
    assert one(ratio(5.0, 5.5, 4.5, 5.0), threshold=0.10).verdict == "tie"
    assert one(ratio(1.0, 1.1, 0.9, 1.0), threshold=0.005).verdict == "faster"
    assert one(ratio(1.0, 1.1, 0.9, 1.0), threshold=0.0).verdict == "faster"
    assert one(ratio(9.0, -9.0, 2.0, -2.0), threshold=0.0).verdict == "inconclusive"


def test_the_launches_said_to_be_enough_are() -> None:
    """sd of a difference 4 %: with that many the 90 % interval is within half of 3 %."""
    count = enough(0.04)
    assert 1.67 * 0.04 / math.sqrt(count) == pytest.approx(math.log(1.03) / 2, rel=0.05)
    noisy = ratio(6.0, -6.0, 2.0, -2.0)
    assert noisy.sd_log
    assert f"about {enough(noisy.sd_log)} launches" in one(noisy).reason


def test_holm_by_hand() -> None:
    """0.01 x 4, 0.02 x 3, 0.03 x 2, and 0.035 x 1 which may not be less than the one before."""
    ps = {"d": 0.035, "a": 0.01, "c": 0.03, "b": 0.02}
    assert holm(ps) == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06})
    assert holm({}) == {}
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}


PS = st.dictionaries(st.integers(), st.floats(0, 1), max_size=12)


@given(PS)
def test_holm_never_finds_more_than_no_correction(ps: dict[int, float]) -> None:
    corrected = holm(ps)
    assert all(ps[key] <= corrected[key] <= 1 for key in ps)
    ordered = sorted(ps, key=lambda key: ps[key])
    assert [corrected[key] for key in ordered] == sorted(corrected.values())


@given(PS)
def test_holm_finds_at_least_what_bonferroni_does(ps: dict[int, float]) -> None:
    assert all(holm(ps)[key] <= min(1.0, len(ps) * p) for key, p in ps.items())


SIDES = st.lists(st.floats(-20, 20), min_size=3, max_size=6)


@given(st.lists(SIDES, min_size=1, max_size=4), st.floats(0.001, 0.2))
def test_b_against_a_gets_the_mirrored_verdicts(sides: list[list[float]], limit: float) -> None:
    there = {key: ratio(*percents) for key, percents in enumerate(sides)}
    back = {key: ratio(*(-each for each in percents)) for key, percents in enumerate(sides)}
    better = dict.fromkeys(there, True)
    found = verdicts(there, higher_is_better=better, threshold=limit)
    mirrored = verdicts(back, higher_is_better=better, threshold=limit)
    turned = verdicts(there, higher_is_better=dict.fromkeys(there, False), threshold=limit)
    for key, each in found.items():
        assert mirrored[key].verdict == MIRROR[each.verdict]
        assert turned[key].verdict == MIRROR[each.verdict]


@given(st.lists(SIDES, min_size=1, max_size=4))
def test_a_verdict_always_has_its_definition_behind_it(sides: list[list[float]]) -> None:
    ratios = {key: ratio(*percents) for key, percents in enumerate(sides)}
    for key, each in verdicts(ratios, higher_is_better=dict.fromkeys(ratios, True)).items():
        found = ratios[key]
        assert each.reason
        if each.verdict in ("faster", "slower"):
            assert found.ci95
            assert found.point
            assert each.p is not None
            assert not found.ci95.holds(1)
            assert abs(math.log(found.point)) > math.log(1.03)
            assert each.p <= ALPHA
        if each.verdict == "tie":
            assert found.ci90
            assert 1 / 1.03 < found.ci90.low <= found.ci90.high < 1.03
