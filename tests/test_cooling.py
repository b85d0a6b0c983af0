"""The rest before a launch, on a scripted clock, and the probes it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from crossbench.cooling import Rest, rest
from crossbench.machine import temperature
from crossbench.suite.load import load
from crossbench.suite.model import Protocol
from tests.conftest import SuiteWriter


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


def smi(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    """An `nvidia-smi` that prints what its documentation shows."""
    script = folder / "nvidia-smi"
    script.write_text(f"#!/bin/sh\nprintf '%s' '{says}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


class Sensor:
    """What `psutil.sensors_temperatures` lists of one."""

    def __init__(self, current: float) -> None:
        self.current = current


Sensors = dict[str, Sequence[Sensor]]


@pytest.mark.parametrize(
    ("gpus", "sensors", "meant"),
    [
        ("61\n74\n", {"coretemp": [Sensor(90.0)]}, 74.0),
        ("[N/A]\n", {"coretemp": [Sensor(48.0), Sensor(52.5)]}, 52.5),
        ("", {"k10temp": [Sensor(66.0)], "nvme": [Sensor(80.0)]}, 66.0),
        ("", {"nvme": [Sensor(80.0)]}, None),
        ("", {"coretemp": [Sensor(-273.0)]}, None),
        ("0\n", {}, None),
        ("", {}, None),
    ],
)
def test_the_hottest_device_is_a_gpu_where_there_is_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gpus: str,
    sensors: Sensors,
    meant: float | None,
) -> None:
    smi(tmp_path, monkeypatch, gpus)
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: sensors, raising=False)
    assert temperature.celsius() == meant


def test_a_system_without_sensors_tells_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(tmp_path, monkeypatch, "")
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    assert temperature.celsius() is None
