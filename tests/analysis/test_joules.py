"""Energy over a window, and every reason not to believe it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from crossbench.analysis.joules import Energy, energy, idle
from crossbench.analysis.sitting import Sitting
from tests.analysis.readings import CARD, ENERGY, NS, POWER, sitting

SECONDS = range(31)
OTHER = "GPU-1a1b2c3d-0000-1111-2222-333344445555"


def taken(found: Sitting, begin_s: float, end_s: float, devices: Sequence[str] = (CARD,)) -> Energy:
    return energy(found, "gpu_board", devices, round(begin_s * NS), round(end_s * NS))


def test_a_counter_is_read_between_its_readings() -> None:
    found = sitting({ENERGY: [100.0 * second for second in SECONDS]}, SECONDS)
    assert taken(found, 5.25, 20.75).joules == pytest.approx(1550)
    assert taken(found, 5.25, 20.75).seconds == pytest.approx(15.5)


def test_power_is_integrated_between_its_readings() -> None:
    """From 0 W to 30 W over half a minute."""
    found = sitting({POWER: [float(second) for second in SECONDS]}, SECONDS)
    assert taken(found, 2.5, 22.5).joules == pytest.approx((22.5**2 - 2.5**2) / 2)


def test_a_counter_that_agrees_with_the_power_is_believed() -> None:
    counter = [104.0 * second for second in SECONDS]
    found = sitting({ENERGY: counter, POWER: [100.0] * 31}, SECONDS)
    assert taken(found, 0, 30).joules == pytest.approx(3120)
    found = sitting({ENERGY: [1.02 * each for each in counter], POWER: [100.0] * 31}, SECONDS)
    assert taken(found, 0, 30).joules is None
    assert taken(found, 0, 30).reasons[0].startswith("counter-differs: ")


def test_where_only_one_of_the_two_was_read_it_serves() -> None:
    nothing = [None] * 31
    found = sitting({ENERGY: nothing, POWER: [100.0] * 31}, SECONDS)
    assert taken(found, 0, 30).joules == pytest.approx(3000)
    found = sitting({ENERGY: nothing, POWER: nothing}, SECONDS)
    assert taken(found, 0, 30).reasons[0].startswith("not-covered: ")


@pytest.mark.parametrize(
    ("begin", "end", "code"),
    [(5, 14.9, "window-too-short"), (-1, 20, "not-covered"), (15, 31, "not-covered")],
)
def test_a_window_that_is_short_or_not_covered_gives_no_number(
    begin: float, end: float, code: str
) -> None:
    found = sitting({POWER: [100.0] * 31}, SECONDS)
    assert taken(found, begin, end).joules is None
    assert taken(found, begin, end).reasons[0].startswith(f"{code}: ")
    assert taken(found, 5, 15).joules == pytest.approx(1000)


@pytest.mark.parametrize(("gap", "joules"), [(3.0, 1500), (3.1, None)])
def test_a_gap_in_the_readings_counts_where_it_is_long(gap: float, joules: float | None) -> None:
    at = [0, 1, 2, 5, 5 + gap, *range(9, 20)]
    found = sitting({POWER: [100.0] * len(at)}, at)
    assert taken(found, 3, 18).joules == joules
    assert [reason.partition(":")[0] for reason in taken(found, 3, 18).reasons] == (
        [] if joules else ["gap"]
    )


def test_a_gap_outside_the_window_does_not_matter() -> None:
    at = [0, *range(10, 31)]
    found = sitting({POWER: [100.0] * len(at)}, at)
    assert taken(found, 10, 30).joules == pytest.approx(2000)


def test_a_counter_that_begins_anew_goes_on() -> None:
    wrapping = replace(ENERGY, wraps_at=1000.0)
    values = [(500.0 + 100.0 * second) % 1000 for second in SECONDS]
    assert taken(sitting({wrapping: values}, SECONDS), 0, 20).joules == pytest.approx(2000)
    found = taken(sitting({ENERGY: values}, SECONDS), 0, 20)
    assert found.reasons == ("counter-ran-back: the energy counter ran backwards",)


def test_a_device_that_contradicts_itself_is_not_believed() -> None:
    values = [(500.0 + 100.0 * second) % 1000 for second in SECONDS]
    found = taken(sitting({ENERGY: values, POWER: [100.0] * 31}, SECONDS), 0, 20)
    assert found.reasons == ("counter-ran-back: the energy counter ran backwards",)


def test_power_below_zero_is_no_power() -> None:
    found = sitting({POWER: [-1.0] * 31}, SECONDS)
    assert taken(found, 0, 20).reasons == ("negative-power: power below zero was read",)


def test_every_device_must_tell() -> None:
    more = replace(POWER, device=OTHER)
    both = sitting({POWER: [100.0] * 31, more: [50.0] * 31}, SECONDS)
    assert taken(both, 0, 20, (CARD, OTHER)).joules == pytest.approx(3000)
    assert taken(both, 0, 20, (CARD,)).joules == pytest.approx(2000)
    one = sitting({POWER: [100.0] * 31}, SECONDS)
    found = taken(one, 0, 20, (CARD, OTHER))
    assert found.reasons == ("device-count: 1 of 2 devices tell no energy",)
    assert taken(one, 0, 20, ()).reasons == ("device-count: no device tells energy",)


def test_idling_is_what_was_read_before_the_first_worker() -> None:
    power = [20.0] * 13 + [300.0] * 18
    found = sitting({POWER: power}, SECONDS, {12.5: "b1-a", 25.0: None})
    assert idle(found, "gpu_board", (CARD,)).joules == pytest.approx(240)
    assert idle(found, "gpu_board", (CARD,)).seconds == pytest.approx(12)
    short = sitting({POWER: power}, SECONDS, {9.5: "b1-a", 25.0: None})
    assert idle(short, "gpu_board", (CARD,)).reasons[0].startswith("no-idle: window-too-short")
    never = sitting({POWER: power}, SECONDS)
    assert idle(never, "gpu_board", (CARD,)).reasons[0].startswith("no-idle: nothing was read")
