"""Whether a processor was held back, by what was read of it."""

from __future__ import annotations

import pytest

from crossbench.analysis.processor import throttled
from crossbench.analysis.sitting import Stay
from crossbench.analysis.span import Span
from crossbench.api import Channel
from tests.analysis.readings import NS, sitting

CLOCK = Channel(device="processor", quantity="clock", unit="Hz", kind="gauge")
CORES, PACKAGES = (
    Channel(device="processor", quantity=f"{each}_throttles", unit="", kind="counter")
    for each in ("core", "package")
)


def span(**read: list[float | None]) -> Span:
    """What was read second by second, of which the samples took all but the first and last."""
    channels = {"clock": CLOCK, "cores": CORES, "packages": PACKAGES}
    values = {channels[name]: column for name, column in read.items()}
    count = len(next(iter(read.values())))
    stay = Stay(sitting=sitting(values, range(count)), begin_ns=0, end_ns=count * NS)
    return Span(stay, NS, (count - 2) * NS)


def test_what_was_counted_while_samples_were_timed_counts() -> None:
    first = span(cores=[0, 5, 5, 7, 99], packages=[0, 3, 3, 3, 9])
    second = span(cores=[99, 100, 101, 101, 101], packages=[9, 9, 9, 9, 9])
    assert throttled([first, second], None) == (True, "cores 3 times, packages not once")
    still = span(cores=[0, 5, 5, 5, 9])
    assert throttled([still], 5e9) == (False, "cores not once")


def test_the_clock_is_told_beside_what_it_may_be() -> None:
    read = span(clock=[9e9, 3e9, 3e9, 4.5e9, 9e9], cores=[1, 1, 1, 1, 1])
    assert throttled([read], 5.7e9)[1] == "cores not once, 3.5 GHz on average of at most 5.7 GHz"
    assert throttled([read], None)[1] == "cores not once, 3.5 GHz on average"


@pytest.mark.parametrize("cores", [[1, None, None, None, 9], [1, 7, None, None, 9]])
def test_what_was_not_counted_twice_is_not_known(cores: list[float | None]) -> None:
    assert throttled([span(cores=cores)], None) == (None, "")
    with_clock = span(cores=cores, clock=[1e9] * 5)
    told = "1 GHz on average, it does not count throttling"
    assert throttled([with_clock], None) == (None, told)
    assert throttled([], None) == (None, "")
