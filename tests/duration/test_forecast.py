"""The time that is left, against scripts whose length is known to the second."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.cli.display import remaining
from crossbench.duration.allowance import Allowance
from crossbench.duration.forecast import Forecast
from crossbench.plan.estimate import estimated
from crossbench.plan.model import Plan
from crossbench.plan.modelled import modelled
from crossbench.plan.time import Budget, Span
from tests.conftest import SuiteWriter
from tests.plan.paces import planned
from tests.timeline import Script, events

pytestmark = pytest.mark.usefixtures("store")


class Clock:
    """Seconds as the test lets them pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def guessed(plan: Plan) -> Plan:
    """With the estimate of a machine where nothing was run."""
    paces = {each.target: modelled(plan, each, None) for each in plan.targets}
    known = {target: pace for target, pace in paces.items() if pace is not None}
    return replace(plan, estimate=estimated(plan, known))


def told(plan: Plan, script: Script) -> list[tuple[float, Span]]:
    """(what is truly left, what is told) before the run and after each launch."""
    clock, left = Clock(), script.plan(plan)
    forecast = Forecast(plan, clock)
    said = [(left, forecast.left())]
    for launch in (*plan.burn_in, *plan.launches):
        forecast.begins(launch)
        for seconds, event in events(plan, launch, script):
            clock.now += seconds
            left -= seconds
            forecast.take(event)
        forecast.ends(launch)
        said.append((left, forecast.left()))
    return [(true, span) for true, span in said if span is not None]


@pytest.mark.parametrize(
    "script", [Script(), Script(load=30, request=0.1), Script(load=0.3, request=0.01, rest=0.3)]
)
def test_it_holds_what_is_left_and_closes_in_on_it(suite: SuiteWriter, script: Script) -> None:
    said = told(guessed(planned(suite, "launches = 6")), script)
    assert all(span.low - 1e-6 <= true <= span.high + 1e-6 for true, span in said), said
    before, after = said[0][1], said[2][1]
    assert after.high - after.low < (before.high - before.low) / 2
    widths = [span.high - span.low for _, span in said[2:]]
    assert widths == sorted(widths, reverse=True)
    assert said[-1][1].high == pytest.approx(0, abs=1e-6)


def test_without_any_estimate_it_tells_once_every_target_was_seen(suite: SuiteWriter) -> None:
    said = told(planned(suite, "launches = 2"), Script())
    assert len(said) == 5  # of seven: neither before the run nor after the first target's launch
    assert all(span.low - 1e-6 <= true <= span.high + 1e-6 for true, span in said)


def test_it_falls_while_a_launch_runs(suite: SuiteWriter) -> None:
    made = guessed(planned(suite, "launches = 2"))
    clock = Clock()
    forecast = Forecast(made, clock)
    forecast.begins(made.burn_in[0])
    before = forecast.left()
    clock.now += 0.2
    after = forecast.left()
    assert before is not None
    assert after is not None
    assert before.high - after.high == pytest.approx(0.2)


def run_until(plan: Plan, script: Script, budget_s: float) -> tuple[list[int], str | None]:
    """Blocks that are measured before the budget refuses one, and its reason."""
    clock = Clock()
    plan = replace(plan, budget=Budget(seconds=budget_s))
    forecast = Forecast(plan, clock)
    allowance = Allowance(plan, forecast, clock=clock)
    for launch in plan.burn_in:
        for seconds, event in events(plan, launch, script):
            clock.now += seconds
            forecast.take(event)
        forecast.ends(launch)
    for block in plan.blocks:
        if reason := allowance.refuses_block(block):
            return list(range(block)), reason
        for launch in [one for one in plan.launches if one.block == block]:
            for seconds, event in events(plan, launch, script):
                clock.now += seconds
                forecast.take(event)
            forecast.ends(launch)
    assert clock.now - 100 <= budget_s
    return list(plan.blocks), None


def test_blocks_are_begun_in_pairs_while_both_fit(suite: SuiteWriter) -> None:
    """A launch takes 10.5 s, a block 21 s, the burn-in 18 s, and up to 1.5 times is expected."""
    made = planned(suite, "launches = 6\nrepeats = 3\nwarmups = 1\n")
    script = Script(load=2, request=0.5, rest=1)
    assert script.launch(made, made.launches[0]) == 10.5
    whole = script.plan(made)
    assert run_until(made, script, 2 * whole)[0] == [0, 1, 2, 3, 4, 5]
    blocks, reason = run_until(made, script, 0.7 * whole)
    assert len(blocks) in (2, 4)
    assert reason is not None
    assert reason.startswith("left out to keep within the budget of")
    assert run_until(made, script, 1.0)[0] == [0]


def test_the_first_block_is_measured_whatever_the_budget(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 4")
    assert run_until(made, Script(), 0.001)[0] == [0]


def test_what_an_interrupted_run_took_counts(suite: SuiteWriter) -> None:
    made = replace(guessed(planned(suite, "launches = 4")), budget=Budget(seconds=1e6))
    clock = Clock()
    fresh, tired = (Allowance(made, Forecast(made, clock), spent, clock) for spent in (0, 1e6))
    assert fresh.refuses_block(2) is None
    assert tired.refuses_block(2) is not None


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (Span(700, 740), "about 12 min left"),
        (Span(10, 14), "about 12 s left"),
        (Span(60, 1800), "60 s to 30 min left"),
        (Span(0, 0), "about 0 s left"),
    ],
)
def test_how_it_is_shown(left: Span, said: str) -> None:
    assert remaining(left) == said
