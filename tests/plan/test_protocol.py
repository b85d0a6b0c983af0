"""The protocol as a plan carries it: what goes before, what is measured again, what is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.cli.planned import text
from crossbench.plan.model import BURN_IN
from crossbench.plan.protocol import told
from crossbench.suite.load import load
from tests.conftest import SuiteWriter
from tests.plan.paces import planned

pytestmark = pytest.mark.usefixtures("store")


def sentences(suite: SuiteWriter, protocol: str, targets: int = 2) -> str:
    return "\n".join(told(load(suite(protocol=protocol)).protocol, targets))


def test_every_target_is_burnt_in_before_the_first_block(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 2")
    assert [(one.id, one.block, one.purpose) for one in made.burn_in] == [
        ("b0-a", BURN_IN, "burn_in"),
        ("b0-b", BURN_IN, "burn_in"),
    ]
    assert [one.purpose for one in made.launches] == ["timed"] * 4
    assert "order of launches: b0-a, b0-b, b1-a, b1-b, b2-b, b2-a" in text(made)
    assert not planned(suite, 'profile = "quick"').burn_in
    assert not planned(suite, "burn_in = 0").burn_in


def test_a_target_that_drops_out_is_not_burnt_in(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 2").without("a", "unavailable", "gone")
    assert [one.id for one in made.burn_in] == ["b0-b"]


def test_the_first_scenario_is_measured_again_by_launches_that_count(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 2\nrepeats = 3\nwarmups = 1")
    assert made.passes(made.launches[0]) == {"first": 7, "second": 4, "third": 4}
    assert made.passes(made.burn_in[0]) == {"first": 4, "second": 4, "third": 4}
    assert made.samples == 4 * 9
    assert made.requests == 4 * 15 + 2 * 12
    quick = planned(suite, 'profile = "quick"')
    assert quick.sentinel(quick.launches[0]) is None


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("launches = 4", "4 blocks of one launch of each target, every second block in reverse"),
        ("launches = 4", "a launch of each target goes first and is not counted"),
        ("launches = 4", "a launch measures its first scenario once more"),
        ("burn_in = 0", "burn-in: none"),
        ("sentinel = false", "drift sentinel: none"),
        ("launches = 5", "5 is an odd number of launches"),
        ("launches = 3", "3 launches are too few for an interval"),
        ('profile = "quick"', "there are ranges and neither an interval nor a ranking"),
        ("warmups = 0", "warm-up: none"),
        ("warmups = 2", "first goes twice through each scenario"),
        ("cool_down_s = 2.5", "rest: 2.5 s before each launch"),
        ("start_below_c = 50", "until nothing is hotter than 50 \N{DEGREE SIGN}C, at most 600 s"),
    ],
)
def test_what_is_told(suite: SuiteWriter, protocol: str, said: str) -> None:
    assert said in sentences(suite, protocol)
    assert said in text(planned(suite, protocol))


@pytest.mark.parametrize(
    ("protocol", "targets"), [("launches = 4", 2), ("launches = 6", 3), ("launches = 5", 1)]
)
def test_an_even_number_and_a_single_target_are_not_called_odd(
    suite: SuiteWriter, protocol: str, targets: int
) -> None:
    assert "odd" not in sentences(suite, protocol, targets)


def test_where_no_temperature_can_be_read_the_plan_says_so(suite: SuiteWriter) -> None:
    made = planned(suite, "start_below_c = 50")
    assert "no temperature can be read here" in text(made)
    assert "the hottest device is at 71 \N{DEGREE SIGN}C now" in text(replace(made, celsius=71.2))
    assert "temperature" not in text(planned(suite, "launches = 4"))
