"""The rest before a launch, on a scripted clock, and the probes it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil
import pytest
from msgspec.structs import replace

from crossbench.machine import temperature
from crossbench.run.cooling import Rest, rest
from crossbench.suite.load import load
from crossbench.suite.model import Protocol
from tests.conftest import SuiteWriter
from tests.machine.stand_in import Play, card, nvml_library, play, system

__all__ = ["nvml_library", "play"]


class Scripted:
    """A machine whose heat falls as time passes, and whose time passes as it is slept."""

    def __init__(self, heat: Callable[[float], float | None]) -> None:
        self.now = 0.0
        self._heat = heat
        self.told: list[tuple[float, float | None]] = []

    def rest(self, protocol: Protocol) -> Rest:
        return rest(
            protocol,
            lambda *heard: self.told.append(heard),
            read=lambda: self._heat(self.now),
            sleep=self._sleep,
            clock=lambda: self.now,
        )

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def protocol(suite: SuiteWriter) -> Protocol:
    return load(suite()).protocol


def test_nothing_is_waited_for_where_nothing_is_asked(protocol: Protocol) -> None:
    machine = Scripted(lambda _: 90.0)
    assert machine.rest(protocol) == Rest(seconds=0.0, celsius=90.0)
    assert machine.told == []


def test_a_pause_is_as_long_as_it_is_asked(protocol: Protocol) -> None:
    machine = Scripted(lambda _: None)
    assert machine.rest(replace(protocol, cool_down_s=2.5)) == Rest(seconds=2.5, celsius=None)
    assert [seconds for seconds, _ in machine.told] == [0.0, 1.0, 2.0]


def test_it_waits_until_the_machine_is_cool_and_no_longer(protocol: Protocol) -> None:
    machine = Scripted(lambda now: 80.0 - 2 * now)
    found = machine.rest(replace(protocol, start_below_c=60))
    assert found == Rest(seconds=10.0, celsius=60.0)


def test_a_machine_that_stays_hot_is_waited_for_within_bounds(protocol: Protocol) -> None:
    short = replace(protocol.deadlines, cool_s=30)
    machine = Scripted(lambda _: 85.0)
    found = machine.rest(replace(protocol, start_below_c=60, deadlines=short))
    assert found == Rest(seconds=30.0, celsius=85.0)


def test_a_cool_machine_still_gets_the_pause_it_is_owed(protocol: Protocol) -> None:
    machine = Scripted(lambda _: 20.0)
    found = machine.rest(replace(protocol, start_below_c=60, cool_down_s=3))
    assert found.seconds == 3.0


def test_a_heat_that_nobody_can_read_is_not_waited_for(protocol: Protocol) -> None:
    machine = Scripted(lambda _: None)
    assert machine.rest(replace(protocol, start_below_c=60)) == Rest()


class Sensor:
    """What `psutil.sensors_temperatures` lists of one."""

    def __init__(self, current: float) -> None:
        self.current = current


Sensors = dict[str, Sequence[Sensor]]


@pytest.mark.parametrize(
    ("gpus", "sensors", "meant"),
    [
        ((61, 74), {"coretemp": [Sensor(90.0)]}, 74.0),
        ((None,), {"coretemp": [Sensor(48.0), Sensor(52.5)]}, 52.5),
        ((), {"k10temp": [Sensor(66.0)], "nvme": [Sensor(80.0)]}, 66.0),
        ((), {"nvme": [Sensor(80.0)]}, None),
        ((), {"coretemp": [Sensor(-273.0)]}, None),
        ((0,), {}, None),
        ((), {}, None),
    ],
)
def test_the_hottest_device_is_a_gpu_where_there_is_one(
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
    gpus: Sequence[int | None],
    sensors: Sensors,
    meant: float | None,
) -> None:
    """A card without a sensor tells nothing, one whose sensor is broken 0."""
    cards = {**system(len(gpus))}
    for place, degrees in enumerate(gpus):
        cards |= {**card(place), f"{place}.temperature": degrees}
    play({name: fact for name, fact in cards.items() if fact is not None})
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: sensors, raising=False)
    assert temperature.celsius() == meant
