"""What is left out for a budget, in which order, and that it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbench.cli.planned import text
from crossbench.errors import InputError
from crossbench.plan.budget import seconds, within
from crossbench.plan.estimate import estimated
from crossbench.plan.model import Plan
from tests.conftest import SuiteWriter
from tests.plan.paces import both, pace, planned
from tests.plan.test_estimate import QUALITY

pytestmark = pytest.mark.usefixtures("store")
PUBLISH = 'profile = "publish"\nwarmups = 1'


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30m", 1800),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("2H", 7200),
        (" 1h2m3s ", 3723),
    ],
)
def test_a_time_as_people_write_it(written: str, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize(
    "written", ["", "30", "m", "30min", "-5m", "0s", "5m1h", "1e3s", "nan", "inf", "9999999h", "३m"]
)
def test_what_is_no_time_is_one_message(written: str) -> None:
    with pytest.raises(InputError, match="found no duration above zero; write hours"):
        seconds(written)


def shape(plan: Plan) -> tuple[int, int, int]:
    protocol = plan.suite.protocol
    return protocol.launches, protocol.repeats, len(plan.scenarios)


def cut(plan: Plan, share: float) -> Plan:
    """The plan on a budget of that share of what it would take."""
    paces = both(1.0, load=5)
    return within(plan, paces, share * estimated(plan, paces).span.high)


def test_what_fits_is_left_whole(suite: SuiteWriter) -> None:
    made = planned(suite, PUBLISH)
    kept = cut(made, 1.0)
    assert shape(kept) == shape(made) == (6, 5, 3)
    assert kept.budget is not None
    assert (kept.budget.cuts, kept.budget.kept) == ((), True)
    assert "nothing is left out" in text(kept)


def test_it_cuts_in_the_stated_order(suite: SuiteWriter) -> None:
    """Repeats, launches evenly to four, scenarios from the last, the sentinel, the burn-in, ..."""
    made = planned(suite, PUBLISH)
    shares = (0.9, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.03)
    cuts = [budget.cuts for share in shares if (budget := cut(made, share).budget)]
    assert cuts[0] == ("repeats: 5 to 4",)
    assert cuts[1] == ("repeats: 5 to 2",)
    assert cuts[2] == (*cuts[1], "launches: 6 to 4")
    assert cuts[3] == (*cuts[2], "scenario third: left out")
    assert cuts[4] == (*cuts[3], "scenario second: left out")
    assert cuts[5] == (*cuts[4], "drift sentinel: left out")
    assert cuts[6] == (*cuts[5], "burn-in: left out")
    few = "launches: 6 to 2, too few for an interval"
    assert cuts[7] == (cuts[6][0], few, *cuts[6][2:])
    one = "launches: 6 to 1, too few for an interval"
    assert cuts[8] == ("repeats: 5 to 1", one, *cuts[6][2:])


def test_four_launches_are_kept_as_long_as_anything_else_can_go(suite: SuiteWriter) -> None:
    made = planned(suite, PUBLISH)
    for share in (0.9, 0.6, 0.4, 0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05, 0.02):
        kept = cut(made, share)
        launches, repeats, scenarios = shape(kept)
        if launches < 4:
            assert (repeats <= 2, scenarios, kept.burn_in) == (True, 1, ())
            assert kept.budget is not None
            assert any("too few for an interval" in each for each in kept.budget.cuts)
        assert launches % 2 == 0 or launches == 1


def test_a_scenario_that_is_cut_is_skipped_for_every_target(suite: SuiteWriter) -> None:
    kept = cut(planned(suite, PUBLISH), 0.4)
    told = {(each.target, each.scenario, each.word) for each in kept.exclusions}
    assert told == {("a", "third", "skipped"), ("b", "third", "skipped")}
    every = (*kept.burn_in, *kept.launches)
    assert {launch.scenarios for launch in every} == {("first", "second")}
    assert "budget of time" in kept.exclusions[0].reason
    assert "scenario third: left out" in text(kept)


def test_scoring_goes_before_launches_fall_below_four(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 4\nrepeats = 2\nburn_in = 0\nsentinel = false", QUALITY)
    kept = cut(made, 0.8)
    assert shape(kept)[0] == 4
    assert kept.scoring is not None
    assert kept.scoring.launches == ()
    assert kept.scoring.skipped == "left out to keep within the budget of time"


def test_what_cannot_be_kept_is_said(suite: SuiteWriter) -> None:
    kept = cut(planned(suite, PUBLISH), 0.001)
    assert shape(kept) == (1, 1, 1)
    assert kept.budget is not None
    assert kept.budget.kept is False
    assert "it may take longer even so" in text(kept)


def test_an_unknown_pace_promises_nothing(suite: SuiteWriter) -> None:
    kept = within(planned(suite, PUBLISH), {}, 60)
    assert kept.budget is not None
    assert kept.budget.kept is None
    assert "reckoned by the middle of its guess" in text(kept)


def test_of_a_guess_the_middle_is_held_against_the_budget(suite: SuiteWriter) -> None:
    """1 to 100 s a pass is 10 s in the middle; measured, 100 s would have to be reckoned with."""
    made = planned(suite, 'profile = "quick"')
    guess = {name: replace(pace(1, high=100), measured=False) for name in ("a", "b")}
    likely_s = 10 * 2 * 3 * 4
    kept = within(made, guess, likely_s + 1)
    assert kept.budget is not None
    assert (kept.budget.cuts, kept.budget.kept) == ((), None)
    assert within(made, guess, likely_s - 1).budget != kept.budget
    known = within(made, both(1, high=100), likely_s + 1).budget
    assert known is not None
    assert known.cuts


def test_the_upper_end_lies_within_every_budget_that_is_called_kept(suite: SuiteWriter) -> None:
    made = planned(suite, PUBLISH)

    @given(st.floats(0.001, 2.0), st.floats(0.01, 5.0), st.floats(0.0, 60.0))
    def check(share: float, each: float, load: float) -> None:
        paces = both(each, load=load, high=1.7)
        budget_s = share * estimated(made, paces).span.high
        kept = within(made, paces, budget_s)
        assert kept.budget is not None
        assert kept.budget.kept is (estimated(kept, paces).span.high <= budget_s)
        assert kept.budget.kept or shape(kept) == (1, 1, 1)
        assert {launch.target for launch in kept.launches} == {"a", "b"}
        assert kept.budget.kept or kept.budget.cuts

    check()
