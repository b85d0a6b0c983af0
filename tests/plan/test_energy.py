"""Of which scenarios short phases are repeated for their energy, and what that takes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.cli.planned import text
from crossbench.machine import facts, host
from crossbench.machine.reading import Reading
from crossbench.plan.budget import within
from crossbench.plan.energy import FILL_S, energy_span, repeated
from crossbench.plan.estimate import estimated
from crossbench.plan.model import Plan
from crossbench.plan.time import Span
from tests.conftest import SuiteWriter
from tests.machine.stand_in import TWO_4090, Play, nvml_library, play
from tests.plan.paces import SCENARIOS, both, planned

__all__ = ["nvml_library", "play"]
pytestmark = pytest.mark.usefixtures("store")
LOADED = """
[[scenarios]]
name = "users"
prompt_tokens = 16
output_tokens = 4
concurrency = 2
"""


def metered(plan: Plan, may: bool | None) -> Plan:
    """On a machine whose processors' energy this user may read, or may not, or nobody."""
    energy = Reading(may) if may is not None else Reading[bool](reason="there is none")
    seen = Reading(replace(host.observe(), energy=energy))
    return replace(plan, machine=replace(plan.machine, host=seen))


def test_it_takes_a_window_for_each_phase_of_each_scenario(suite: SuiteWriter) -> None:
    plan = metered(planned(suite, "launches = 2\nburn_in = 1"), True)
    scenarios = len(plan.scenarios)
    for launch in plan.launches:
        assert energy_span(plan, launch) == Span(0.0, 2 * scenarios * FILL_S)
    assert energy_span(plan, plan.burn_in[0]) == Span()
    paces = both(1.0, load=5)
    more = estimated(plan, paces).span.high - estimated(metered(plan, None), paces).span.high
    assert more == pytest.approx(2 * scenarios * FILL_S * len(plan.launches))
    assert "energy: where it is told" in text(plan)


@pytest.mark.parametrize("may", [False, None])
def test_where_no_energy_is_told_it_takes_no_time(suite: SuiteWriter, may: bool | None) -> None:
    plan = metered(planned(suite, "launches = 2"), may)
    assert energy_span(plan, plan.launches[0]) == Span()


def test_cards_may_tell_energy(suite: SuiteWriter, play: Play) -> None:
    play(TWO_4090)
    plan = replace(planned(suite, "launches = 2"), machine=facts.observe())
    assert energy_span(plan, plan.launches[0]).high > 0


def test_a_quick_look_repeats_nothing_unless_it_is_asked_to(suite: SuiteWriter) -> None:
    plan = planned(suite, 'profile = "quick"')
    assert repeated(plan, plan.launches[0]) == []
    assert "energy:" not in text(plan)
    plan = planned(suite, 'profile = "quick"\nenergy = true')
    assert repeated(plan, plan.launches[0])


def test_what_runs_beside_others_has_no_phases_of_its_own(suite: SuiteWriter) -> None:
    plan = planned(suite, "launches = 2", SCENARIOS + LOADED)
    launch = replace(plan.launches[0], scenarios=("first", "users"))
    assert [scenario.name for scenario in repeated(plan, launch)] == ["first"]
    first = replace(plan.suite.targets[0], replicas=2)
    targets = (first, *plan.suite.targets[1:])
    several = replace(plan, suite=replace(plan.suite, targets=targets))
    assert repeated(several, launch) == []


def test_it_is_the_first_to_be_left_out(suite: SuiteWriter) -> None:
    plan = metered(planned(suite, 'profile = "publish"'), True)
    paces = both(1.0, load=5)
    without = estimated(metered(plan, None), paces).span.high
    kept = within(plan, paces, without)
    assert kept.suite.protocol == replace(plan.suite.protocol, energy=False)
    assert kept.budget is not None
    assert kept.budget.cuts == ("energy of short phases: left out",)
