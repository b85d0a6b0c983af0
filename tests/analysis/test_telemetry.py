"""A run along its time, also one that went on after the machine was started again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.analysis.device import names
from crossbench.analysis.sitting import Sitting
from crossbench.analysis.telemetry import PARTS, Telemetry, telemetry
from crossbench.api import Channel
from crossbench.journal.events import LaunchStarted
from tests.analysis.readings import CARD, ENERGY, NS, POWER, sitting

CLOCK = replace(POWER, quantity="clock", unit="Hz", scope=None)


def started(launch: str, at_s: float, utc: str) -> LaunchStarted:
    return LaunchStarted(
        launch=launch,
        planned=launch,
        target="one",
        block=1,
        utc=f"2026-11-23T{utc}Z",
        monotonic_ns=round(at_s * NS),
    )


def told(found: list[Sitting], *launches: LaunchStarted) -> Telemetry:
    run: Any = SimpleNamespace(started={each.launch: each for each in launches}, cells={})
    return telemetry(found, run, {CARD: "GPU 0"}, probing=True)


def trace(found: Telemetry, quantity: str) -> dict[float, float | None]:
    """Seconds -> mean."""
    (one,) = [each for each in found.traces if each.quantity == quantity]
    assert one.device == "GPU 0"
    return dict(zip(found.at_s, one.mean, strict=True))


def test_a_run_is_shown_in_parts_that_keep_their_extremes() -> None:
    """A thousand seconds, with one reading in a hundred twice as high."""
    at = range(1000)
    power = [200.0 if second % 100 == 50 else 100.0 for second in at]
    found = told([sitting({POWER: power}, at, {0: "b1", 999: None})], started("b1", 0, "10:00:00"))
    (one,) = found.traces
    assert len(found.at_s) <= PARTS + 1
    assert set(one.most) == {100.0, 200.0}
    assert set(one.least) == {100.0}
    assert sum(each == 200.0 for each in one.most) == 10
    assert found.core_share == pytest.approx(0.005)


def test_a_counter_is_shown_as_its_growth_where_no_gauge_tells_it() -> None:
    at = range(100)
    counter = [50.0 * second for second in at]
    begun = started("b1", 0, "10:00:00")
    found = told([sitting({ENERGY: counter}, at, {0: "b1", 99: None})], begun)
    growth = [each for each in trace(found, "power").values() if each is not None]
    assert growth == pytest.approx([50.0] * len(growth))
    assert len(growth) > 90
    both = {ENERGY: counter, POWER: [70.0] * 100}
    found = told([sitting(both, at, {0: "b1", 99: None})], begun)
    assert set(trace(found, "power").values()) == {70.0}


def test_readings_that_come_at_once_give_no_growth() -> None:
    """Counters are written down by their makers several times a second only."""
    at = [0, 1, 1.001, 2, 3]
    values = [0.0, 50.0, 60.0, 100.0, 150.0]
    found = told([sitting({ENERGY: values}, at, {0: "b1", 3: None})], started("b1", 0, "10:00:00"))
    assert max(filter(None, trace(found, "power").values())) == pytest.approx(50)


def test_after_a_restart_of_the_machine_the_calendar_tells() -> None:
    """The clock of the second sitting begins anew, two hours later."""
    first = sitting({CLOCK: [1.0] * 10}, range(5000, 5010), {5001: "b1", 5009: None})
    second = sitting({CLOCK: [2.0] * 10}, range(10), {1: "b2", 9: None})
    found = told([first, second], started("b1", 5000, "10:00:00"), started("b2", 1, "12:00:00"))
    assert [(each.begin_s, each.end_s) for each in found.watches] == [(1, 9), (7200, 7208)]
    shown = trace(found, "clock")
    assert {value for at, value in shown.items() if at < 1000} == {1.0}
    assert {value for at, value in shown.items() if at > 6000} == {2.0}


def test_without_a_restart_the_clock_tells_better_than_the_calendar() -> None:
    both = sitting({CLOCK: [1.0] * 30}, range(30), {1.25: "b1", 9: None, 11.5: "b2", 20: None})
    found = told([both], started("b1", 1.25, "10:00:00"), started("b2", 11.5, "10:00:11"))
    assert [each.begin_s for each in found.watches] == [0, 10.25]


def test_a_run_that_nobody_read_says_why() -> None:
    begun = started("b1", 0, "10:00:00")
    run: Any = SimpleNamespace(started={"b1": begun}, cells={})
    why = [telemetry([], run, {}, probing).absent for probing in (True, False, None)]
    assert why == [
        "the process that reads probes did not start",
        "it was switched off (--no-probes)",
        "runs of this age read nothing",
    ]


def test_cards_that_a_machine_does_not_show_have_names_of_their_own() -> None:
    hidden = Channel(device=f"GPU-9{CARD[5:]}", quantity="power", unit="W", kind="gauge")
    machine: Any = SimpleNamespace(gpus=())
    found = names([sitting({hidden: [1.0], CLOCK: [1.0]}, [0])], machine)
    assert found == {hidden.device: "hidden GPU 0", CARD: "hidden GPU 1"}
