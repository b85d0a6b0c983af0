"""The machine as it was just before each worker was started."""

from __future__ import annotations

from crossbench.analysis.looks import before, looks
from crossbench.analysis.sitting import sittings
from crossbench.journal.events import LaunchStarted
from crossbench.machine.model import Machine
from crossbench.machine.reading import Reading
from crossbench.machine.telemetry import Seen
from tests.analysis.readings import NS, POWER, events


def begun(launch: str, second: float) -> LaunchStarted:
    return LaunchStarted(
        launch=launch,
        planned=launch,
        target="one",
        block=1,
        purpose="timed",
        utc="2026-01-01T00:00:00Z",
        monotonic_ns=round(second * NS),
    )


def test_what_was_read_too_late_is_no_look_before_a_worker() -> None:
    """A sampler that took long tells of the machine once the worker was there."""
    first, late, last = (Reading[Machine](reason=each) for each in ("first", "late", "last"))
    told = events({POWER: [1.0] * 40}, range(40), {10: "b1", 15: None, 20: "b2", 25: None})
    told += [
        Seen(at_ns=round(at * NS), machine=each)
        for at, each in ((9, first), (19.5, late), (30, last))
    ]
    found = list(looks(sittings([told[0], *sorted(told[1:], key=lambda each: each.at_ns)])))
    assert [(look.launch, look.machine) for look in found] == [
        ("b1", first),
        ("b2", late),
        (None, last),
    ]
    started = {"b1": begun("b1", 9.5), "b2": begun("b2", 19.0)}
    assert before(found, started) == {"b1": first}
    assert before(found, {**started, "b2": begun("b2", 19.6)}) == {"b1": first, "b2": late}
