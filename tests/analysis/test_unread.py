"""Why nothing is known of what a probe was to read, and what is known of two channels together."""

from __future__ import annotations

import pytest

from crossbench.analysis.sitting import Sitting, Stay, sittings
from crossbench.analysis.span import Span
from crossbench.analysis.unread import BETWEEN, FAILED, STOPPED, UNREAD, UNWATCHED, unread
from crossbench.api import Channel
from crossbench.machine.telemetry import Opened, Probed
from tests.analysis.readings import NS, sitting

CLOCK = Channel(device="processor", quantity="clock", unit="Hz", kind="gauge")
WHOLE = Channel(device="host", quantity="cpu_time", unit="s", kind="counter")
OWN = Channel(device="worker", quantity="cpu_time", unit="s", kind="gauge")
AT = ("processor", "clock")


def span(found: Sitting, begin_s: float, end_s: float) -> Span:
    """The samples took from one second to the other; the worker was there all along."""
    return Span(Stay(sitting=found, begin_ns=0, end_ns=99 * NS), int(begin_s * NS), int(end_s * NS))


def absent(reason: str | None) -> Sitting:
    """A sitting with the one probe that would read the clock."""
    (found,) = sittings(
        [Opened(at_ns=0, interval_s=1.0, probes=(Probed(name="processor", absent=reason),))]
    )
    return found


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([], UNWATCHED),
        ([span(sitting({CLOCK: [1.0] * 5}, range(5)), 2.1, 2.9)], BETWEEN),
        ([span(sitting({CLOCK: [1.0] * 5}, range(5)), 7, 9)], STOPPED),
        ([span(sitting({CLOCK: [1.0, None, None, 1.0]}, range(4)), 0.5, 2.5)], FAILED),
        ([span(absent("the kernel tells no clocks"), 1, 2)], "the kernel tells no clocks"),
        ([span(absent(None), 1, 2)], "the probe processor tells nothing"),
        ([span(sitting({WHOLE: [1.0]}, [0]), 0, 1)], UNREAD),
    ],
    ids=["unwatched", "between", "stopped", "failed", "absent", "silent", "nobody"],
)
def test_each_reason_is_told_by_itself(spans: list[Span], why: str) -> None:
    assert unread(spans, "processor", AT) == why


def test_a_run_without_probes_says_that() -> None:
    assert unread([], "processor", AT, absent="it was switched off") == "it was switched off"


def test_two_channels_are_read_together_where_both_told() -> None:
    read = sitting({WHOLE: [1.0, 2.0, None, 4.0], OWN: [None, 0.5, 0.6, 1.0]}, range(4))
    both = span(read, 0, 3).together(("host", "cpu_time"), ("worker", "cpu_time"))
    assert both == [(1.0, 2.0, 0.5), (3.0, 4.0, 1.0)]
    assert span(read, 0, 3).together(("host", "cpu_time"), AT) == []
