"""The process that reads probes beside a run, and what it survives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crossbench.api import Channel, ProbeSpec
from crossbench.machine import telemetry
from crossbench.machine.probes import BUILT_IN
from crossbench.machine.recorder import PATIENCE_S, Recorder, recording
from crossbench.machine.telemetry import TELEMETRY, Closed, Opened, Seen, Tick, Watched
from tests.conftest import ROOT
from tests.machine.stand_in import GIB, HANGING, MIB, Play, card, put, system

pytestmark = pytest.mark.usefixtures("no_process_left")


class Clumsy:
    """A probe whose second reading breaks, and whose third is too short."""

    def __init__(self) -> None:
        self._count = 0

    def open(self) -> list[Channel]:
        return [Channel(device="x", quantity=each, unit="", kind="gauge") for each in "ab"]

    def read(self) -> list[float]:
        self._count += 1
        if self._count == 2:
            raise RuntimeError("broken")
        return [1.0] if self._count == 3 else [1.0, 2.0]

    def close(self) -> None:
        pass


def ticks(folder: Path) -> list[Tick]:
    return [event for event in telemetry.read(folder) if isinstance(event, Tick)]


def wait_until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not met():
        assert time.monotonic() < deadline, "the sampler does nothing"
        time.sleep(0.02)


def wait_for(folder: Path, count: int) -> None:
    wait_until(lambda: len(ticks(folder)) >= count)


def test_a_run_is_sampled_by_a_process_of_its_own(play: Play, tmp_path: Path) -> None:
    play({**system(1), **card(0), "0.used": f"{GIB},{GIB},{2 * GIB},{2 * GIB}"})
    with Recorder(tmp_path, BUILT_IN, interval_s=0.02) as recorder:
        wait_for(tmp_path, 3)
        recorder.watch(os.getpid(), "b1-one")
        wait_for(tmp_path, len(ticks(tmp_path)) + 3)
        recorder.rest()
    events = list(telemetry.read(tmp_path))
    opened, closed = events[0], events[-1]
    assert isinstance(opened, Opened)
    assert isinstance(closed, Closed)
    assert [event.launch for event in events if isinstance(event, Watched)] == ["b1-one", None]
    place = [(c.device, c.quantity) for c in opened.channels].index(("worker", "rss"))
    watched = [tick.values[place] for tick in ticks(tmp_path)]
    assert watched[0] is None
    assert max(value or 0 for value in watched) > 10 * MIB
    assert closed.ticks == len(ticks(tmp_path))
    assert 0 < closed.share < 1.5
    stamps = [tick.at_ns for tick in ticks(tmp_path)]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] - time.perf_counter_ns()) < 60e9


def test_probes_that_break_cost_their_own_values(tmp_path: Path) -> None:
    specs = [
        ProbeSpec(name="clumsy", factory="tests.machine.test_sampling:Clumsy"),
        ProbeSpec(name="none", factory="tests.machine.test_sampling:Nothing"),
        ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe"),
    ]
    with Recorder(tmp_path, specs, interval_s=0.02):
        wait_for(tmp_path, 4)
    opened = next(iter(telemetry.read(tmp_path)))
    assert isinstance(opened, Opened)
    assert "AttributeError" in (opened.probes[1].absent or "")
    values = [tick.values[:2] for tick in ticks(tmp_path)]
    assert values[:4] == [(1.0, 2.0), (None, None), (None, None), (1.0, 2.0)]
    assert all(tick.values[2] for tick in ticks(tmp_path))


class Liar:
    """A probe that says what is no number."""

    def open(self) -> list[Channel]:
        return [Channel(device="x", quantity=each, unit="", kind="gauge") for each in "abc"]

    def read(self) -> Iterator[object]:
        return iter([float("nan"), float("inf"), "much"])

    def close(self) -> None:
        pass


class Careless(Liar):
    """One that tells of no channel at all, but of something else."""

    def open(self) -> list[Any]:
        return ["memory"]


STUCK = "CROSSBENCH_TEST_STUCK"


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Is there once a probe hangs."""
    monkeypatch.setenv(STUCK, str(tmp_path / "stuck"))
    return tmp_path / "stuck"


class Stuck(Liar):
    """One whose second reading never ends, as in a driver that hangs."""

    _reads = 0

    def read(self) -> Iterator[object]:
        self._reads += 1
        if self._reads > 1:
            Path(os.environ[STUCK]).touch()
            time.sleep(3600)
        return iter([1.0, 2.0, 3.0])


def named(*probes: type) -> list[ProbeSpec]:
    module = "tests.machine.test_sampling"
    return [
        ProbeSpec(name=each.__name__.lower(), factory=f"{module}:{each.__name__}")
        for each in probes
    ]


def test_probes_that_lie_cost_their_own_values(tmp_path: Path) -> None:
    host = ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe")
    with Recorder(tmp_path, [*named(Liar, Careless), host], interval_s=0.02):
        wait_for(tmp_path, 3)
    opened = next(iter(telemetry.read(tmp_path)))
    assert isinstance(opened, Opened)
    assert opened.probes[1].absent is not None
    assert all(tick.values[:3] == (None, None, None) for tick in ticks(tmp_path))
    assert all(tick.values[3] for tick in ticks(tmp_path))


@pytest.mark.slow
def test_a_sampler_that_hangs_holds_nobody_up(tmp_path: Path, stuck: Path) -> None:
    """More is said to it than a pipe holds, and nobody waits for it to listen."""
    recorder = Recorder(tmp_path, named(Stuck), interval_s=0.02)
    wait_until(stuck.exists)
    began = time.monotonic()
    for number in range(20_000):
        recorder.watch(1, f"launch-{number}")
    assert recorder.close() is None
    assert time.monotonic() - began < 2 * PATIENCE_S + 2


@pytest.mark.slow
def test_a_sampler_that_hangs_does_not_outlive_a_killed_host(tmp_path: Path, stuck: Path) -> None:
    """The fixture of all these tests looks for it."""
    code = (
        "import sys, time, pathlib\nfrom crossbench.machine.recorder import Recorder\n"
        "from tests.machine.test_sampling import Stuck, named\n"
        "Recorder(pathlib.Path(sys.argv[1]), named(Stuck), interval_s=0.02)\ntime.sleep(60)\n"
    )
    host = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    wait_until(stuck.exists)
    host.kill()
    host.wait()


def test_what_it_is_told_is_followed_by_a_reading(tmp_path: Path) -> None:
    """Of what a launch is before and after loading, whenever the next reading were due."""
    host = ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe")
    with Recorder(tmp_path, [host], interval_s=600) as recorder:
        recorder.settle(lambda idle: pytest.fail(f"{idle} s idle without energy"))
        wait_for(tmp_path, 1)
        recorder.watch(os.getpid(), "b1")
        wait_for(tmp_path, 2)
        recorder.look()
        wait_for(tmp_path, 3)


def test_where_energy_is_read_the_machine_idles_first(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossbench.machine.recorder.IDLE_S", 0.3)
    play({**system(1), **card(0)})
    told: list[float] = []
    with Recorder(tmp_path, BUILT_IN, interval_s=0.02) as recorder:
        recorder.settle(told.append)
        recorder.settle(lambda idle: pytest.fail(f"idle once more, for {idle} s"))
    assert told
    opened, *read, _ = telemetry.read(tmp_path)
    assert isinstance(opened, Opened)
    assert {each.scope for each in opened.channels if each.unit in ("W", "J")} == {"gpu_board"}
    assert read[-1].at_ns - read[0].at_ns > 0.25e9


def test_facts_are_read_when_it_is_settled_and_at_the_end(play: Play, tmp_path: Path) -> None:
    play({**system(1), **card(0, power__limit="300000,300000,250000")})
    host = [ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe")]
    with Recorder(tmp_path, host, interval_s=600) as recorder:
        for number in (1, 2):
            recorder.settle(lambda idle: None)
            recorder.watch(os.getpid(), f"b{number}")
    events = [each for each in telemetry.read(tmp_path) if isinstance(each, Seen | Watched)]
    kinds = [type(each) for each in events]
    assert kinds == [Seen, Watched, Seen, Watched, Seen]
    seen = [each.machine.value for each in events if isinstance(each, Seen)]
    assert [each and each.gpus[0].power.limit_w.value for each in seen] == [300.0, 300.0, 250.0]


def test_a_sampler_that_tells_no_facts_is_asked_once(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossbench.machine.recorder.OPENING_S", 1.0)
    monkeypatch.setattr("crossbench.machine.recorder.PATIENCE_S", 0.3)
    play(HANGING)
    host = [ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe")]
    with Recorder(tmp_path, host, interval_s=0.02) as recorder:
        wait_for(tmp_path, 1)
        recorder.settle(lambda idle: None)
        began = time.monotonic()
        for _ in range(5):
            recorder.settle(lambda idle: None)
        assert time.monotonic() - began < 3.0
    assert not [each for each in telemetry.read(tmp_path) if isinstance(each, Seen)]


def test_a_sampler_that_is_late_once_is_asked_again(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {**system(1), **card(0)}
    script = play(facts)
    host = [ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe")]
    with Recorder(tmp_path, host, interval_s=600) as recorder:
        recorder.settle(lambda idle: None)
        put(script, {**facts, "hang nvmlDeviceGetVbiosVersion": 1})
        monkeypatch.setattr("crossbench.machine.recorder.OPENING_S", 0.2)
        recorder.settle(lambda idle: None)
        put(script, facts)
        wait_until(lambda: len(seen_in(tmp_path)) == 2)
        monkeypatch.setattr("crossbench.machine.recorder.OPENING_S", 30.0)
        recorder.settle(lambda idle: None)
        assert len(seen_in(tmp_path)) == 3


def seen_in(folder: Path) -> list[Seen]:
    return [event for event in telemetry.read(folder) if isinstance(event, Seen)]


def test_a_second_sitting_follows_a_torn_one(tmp_path: Path) -> None:
    host = [ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe")]
    with Recorder(tmp_path, host, interval_s=0.02):
        wait_for(tmp_path, 2)
    file = tmp_path / TELEMETRY
    file.write_bytes(file.read_bytes()[:-10])
    before = len(list(telemetry.read(tmp_path)))
    recorder = Recorder(tmp_path, host, interval_s=0.02)
    recorder.settle(lambda idle: None)
    closed = recorder.close()
    assert closed is not None
    kinds = [type(event) for event in telemetry.read(tmp_path)]
    assert kinds[before] is Opened
    assert kinds[-1] is Closed


def test_without_probes_nobody_reads(tmp_path: Path) -> None:
    with recording(tmp_path, []) as recorder:
        recorder.settle(lambda idle: pytest.fail(f"{idle} s idle"))
        recorder.watch(1, "b1")
        recorder.look()
        recorder.rest()
    assert not (tmp_path / TELEMETRY).exists()


def test_a_sampler_that_dies_costs_telemetry_only(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, BUILT_IN, interval_s=0.02)
    wait_for(tmp_path, 1)
    os.kill(recorder._process.pid, 9)
    recorder._process.wait()
    recorder.watch(1, "b1")
    assert recorder.close() is None


def test_a_host_that_is_killed_leaves_no_sampler(tmp_path: Path) -> None:
    """The fixture of all these tests looks for it."""
    code = (
        "import sys, time, pathlib\nfrom crossbench.machine.probes import BUILT_IN\n"
        "from crossbench.machine.recorder import Recorder\n"
        "Recorder(pathlib.Path(sys.argv[1]), BUILT_IN, interval_s=0.02)\ntime.sleep(60)\n"
    )
    host = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    wait_for(tmp_path, 2)
    host.kill()
    host.wait()


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    with Recorder(tmp_path, BUILT_IN, interval_s=0.02):
        wait_for(tmp_path, 2)
    whole = list(telemetry.read(tmp_path))
    file = tmp_path / TELEMETRY
    file.write_bytes(file.read_bytes()[:-10])
    assert list(telemetry.read(tmp_path)) == whole[:-1]
    assert list(telemetry.read(tmp_path / "nowhere")) == []
