"""The integrity panel, and decode against published bandwidth."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.analysis.bandwidth import bandwidth_use
from crossbench.analysis.check import Check
from crossbench.api import Channel, Device, Fact, Loaded
from crossbench.journal.events import BackgroundWorked, LaunchReady, SampleTaken
from crossbench.journal.folder import MANIFEST
from crossbench.journal.reader import read_events, read_manifest
from crossbench.journal.writer import Journal
from crossbench.machine import facts as machine_facts
from crossbench.machine.model import Machine
from crossbench.machine.reading import Reading
from crossbench.places.placement import Place
from crossbench.report.markdown import page
from crossbench.report.model import Report
from tests.analysis.readings import CARD
from tests.machine.probed import GPU
from tests.machine.slow_motion import Value, gauge, report
from tests.machine.stand_in import (
    CLOCKS_SET,
    FAILING,
    HW_THERMAL,
    MIB,
    POWER_CAP,
    SYNC_BOOST,
    THROTTLED,
    TWO_4090,
    Facts,
    Play,
)
from tests.machine.test_published import mac

pytestmark = pytest.mark.slow


Judge = Callable[..., dict[str, Check]]


@pytest.fixture
def judge(run: Path, tmp_path: Path) -> Judge:
    """Rule -> what is found where probes read this."""

    def judged(readings: dict[Channel, Value], **changes: Any) -> dict[str, Check]:
        told = report(
            run,
            tmp_path / "run",
            readings,
            lambda loaded: replace(loaded, **{"devices": (GPU,), **changes}),
        )
        assert "## Integrity" in page.render(told)
        return {check.rule: check for check in told.checks}

    return judged


def test_what_holds_clocks_back_is_the_machines_own(judge: Judge) -> None:
    reasons = gauge(CARD, "clock_reasons")
    found = judge({reasons: lambda at, launch: POWER_CAP if launch and round(at) % 2 else 1})
    check = found["throttled"]
    assert (check.found, check.origin) == (True, "machine")
    assert check.evidence.startswith("GPU 0: power limit in ")


def test_clocks_that_are_free_are_said_to_be(judge: Judge) -> None:
    check = judge({gauge(CARD, "clock_reasons"): lambda at, launch: 1 if launch else POWER_CAP})
    assert check["throttled"].found is False
    assert "nothing in" in check["throttled"].evidence


@pytest.mark.parametrize(
    ("throttles", "found", "evidence"),
    [
        (lambda at, launch: 7.0, False, "cores not once, 3 GHz on average"),
        (lambda at, launch: at // 10, True, "times, 3 GHz on average"),
        (None, None, "3 GHz on average"),
    ],
)
def test_a_processor_that_is_held_back_is_labelled(
    judge: Judge, throttles: Value | None, found: bool | None, evidence: str
) -> None:
    counter = Channel(device="processor", quantity="core_throttles", unit="", kind="counter")
    told: dict[Channel, Value] = {gauge("processor", "clock"): lambda at, launch: 3e9}
    check = judge(told | ({counter: throttles} if throttles else {}))["processor-throttled"]
    assert (check.found, check.origin) == (found, "machine")
    assert evidence in check.evidence


def test_what_passed_over_the_bus_stands_beside_the_link(judge: Judge) -> None:
    width, speed = gauge(CARD, "pcie_width"), gauge(CARD, "pcie_generation")
    told = judge(
        {
            width: lambda at, launch: 8,
            speed: lambda at, launch: 4,
            gauge(CARD, "pcie_received"): lambda at, launch: 11.5e9 if launch else 0.0,
            gauge(CARD, "pcie_sent"): lambda at, launch: 2e6,
        }
    )
    assert told["link-below-maximum"].evidence == (
        "GPU 0: x8 of x16, generation 4 of 4, at most 11.5 GB/s to it and 0.002 GB/s from it"
    )


@pytest.mark.parametrize(
    ("lanes", "generation", "found"), [(8, 4, True), (16, 3, True), (16, 4, False)]
)
def test_a_link_counts_as_it_is_under_load(
    judge: Judge, lanes: int, generation: int, found: bool
) -> None:
    """Its generation falls while it idles."""
    width, speed = gauge(CARD, "pcie_width"), gauge(CARD, "pcie_generation")
    told = judge(
        {width: lambda at, launch: lanes, speed: lambda at, launch: generation if launch else 1}
    )
    check = told["link-below-maximum"]
    assert check.found is found
    assert check.evidence == f"GPU 0: x{lanes} of x16, generation {generation} of 4"


@pytest.mark.parametrize(
    ("bits", "held", "set_"),
    [(CLOCKS_SET | SYNC_BOOST, False, True), (HW_THERMAL, True, False), (1, False, False)],
)
def test_clocks_that_somebody_has_set_are_a_setting(
    judge: Judge, bits: int, held: bool, set_: bool
) -> None:
    found = judge({gauge(CARD, "clock_reasons"): lambda at, launch: bits if launch else 1})
    assert (found["throttled"].found, found["clocks-set"].found) == (held, set_)
    assert found["clocks-set"].origin == "setting"
    words = "clocks set by the user in ", "clocks of a group of devices in "
    assert all((word in found["clocks-set"].evidence) is set_ for word in words)


def test_what_nobody_read_is_not_known(judge: Judge) -> None:
    found = judge({gauge("host", "memory_available"): lambda at, launch: 1.0})
    rules = ("throttled", "processor-throttled", "link-below-maximum", "swapped", "other-load")
    for rule in (*rules, "clocks-set", "machine-changed"):
        assert (found[rule].found, found[rule].evidence) == (None, "no probe read it")


def test_swapping_is_labelled(judge: Judge) -> None:
    swapped = [0.0]

    def grown(at_s: float, launch: str | None) -> float:
        swapped[0] += MIB if launch else 0
        return swapped[0]

    found = judge({gauge("host", "swap_used"): grown})
    assert (found["swapped"].found, found["swapped"].origin) == (True, "machine")


def test_load_of_others_is_labelled(judge: Judge) -> None:
    """Two cores in work, of which the worker has one."""
    host = Channel(device="host", quantity="cpu_time", unit="s", kind="counter")
    found = judge(
        {
            host: lambda at, launch: 2 * at,
            gauge("worker", "cpu_time"): lambda at, launch: at if launch else None,
        }
    )
    assert found["other-load"].evidence.startswith("others took 1 of ")
    cores = os.cpu_count() or 1
    assert found["other-load"].found is (0.05 * cores < 1)


HOST_TIME = Channel(device="host", quantity="cpu_time", unit="s", kind="counter")


def test_counts_of_processor_time_that_contradict_each_other_tell_nothing(judge: Judge) -> None:
    """A worker cannot take more than the whole machine: nobody else is not what that says."""
    check = judge(
        {
            HOST_TIME: lambda at, launch: at / 2,
            gauge("worker", "cpu_time"): lambda at, launch: at if launch else None,
        }
    )["other-load"]
    assert check.found is None
    assert "0.5 of" in check.evidence
    assert check.evidence.endswith("the two counts do not belong together")


def test_readings_in_which_one_of_the_two_is_missing_are_passed_over(judge: Judge) -> None:
    check = judge(
        {
            HOST_TIME: lambda at, launch: 2 * at,
            gauge("worker", "cpu_time"): lambda at, launch: at if launch and at % 3 else None,
        }
    )["other-load"]
    assert check.evidence.startswith("others took 1 of ")


def test_a_worker_that_was_not_read_is_the_reason(judge: Judge) -> None:
    check = judge({HOST_TIME: lambda at, launch: 2 * at})["other-load"]
    assert (check.found, check.evidence) == (None, "no probe read it")


def test_a_background_is_no_load_from_outside(run: Path, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    shutil.copytree(run, beside)
    timed = [each for each in read_events(run) if isinstance(each, SampleTaken)]
    with Journal(beside, new=False) as journal:
        for each in timed:
            journal.append(
                BackgroundWorked(
                    launch=each.launch,
                    scenario=each.scenario,
                    role="timed",
                    repeat=each.repeat,
                    place=Place(),
                    begin_ns=0,
                    end_ns=1,
                    tokens=1,
                )
            )
    host = Channel(device="host", quantity="cpu_time", unit="s", kind="counter")
    readings: dict[Channel, Value] = {
        host: lambda at, launch: 100 * at,
        gauge("worker", "cpu_time"): lambda at, launch: at if launch else None,
    }
    (check,) = [
        each
        for each in report(beside, tmp_path / "run", readings).checks
        if each.rule == "other-load"
    ]
    assert check.found is None
    assert check.evidence.startswith("a background worked beside it on purpose")


@pytest.mark.parametrize(
    ("options", "idle", "found", "evidence"),
    [
        (
            {"rpc_servers": ["127.0.0.1:50061"]},
            0.0,
            None,
            "its servers (127.0.0.1:50061) work on this machine too and cannot be told from others",
        ),
        ({"base_url": "http://localhost:8000/v1"}, 0.0, None, "its servers (localhost:8000) work"),
        ({"base_url": "http://localhost:8000/v1", "command": ["serve"]}, 0.0, True, "others took"),
        ({"rpc_servers": ["192.168.1.20:50061"]}, 0.0, True, "others took"),
        ({"rpc_servers": ["127.0.0.1:50061"]}, 1.0, False, "others took 0 of"),
    ],
)
def test_its_own_servers_on_this_machine_are_no_load_from_outside(
    run: Path,
    tmp_path: Path,
    options: dict[str, Any],
    idle: float,
    found: bool | None,
    evidence: str,
) -> None:
    """Unless they and all others together took less than matters."""
    served = tmp_path / "served"
    shutil.copytree(run, served)
    manifest = json.loads((served / MANIFEST).read_text())
    for target in manifest["plan"]["suite"]["targets"]:
        target["options"] = options
    (served / MANIFEST).write_text(json.dumps(manifest))
    cores = manifest["plan"]["machine"]["logical_cores"]
    readings: dict[Channel, Value] = {
        HOST_TIME: lambda at, launch: at if idle else cores * at,
        gauge("worker", "cpu_time"): lambda at, launch: idle * at if launch else None,
    }
    (check,) = [
        each
        for each in report(served, tmp_path / "run", readings).checks
        if each.rule == "other-load"
    ]
    assert (check.found, check.origin) == (found, "outside")
    assert check.evidence.startswith(evidence)


@pytest.mark.parametrize(("layers", "found"), [("33/33", False), ("20/33", True)])
def test_a_model_that_lies_only_in_part_on_gpus_is_named(
    judge: Judge, layers: str, found: bool
) -> None:
    told = judge({}, settings={"offloaded_layers": Fact[Any](layers, "log")})
    assert told["partial-offload"].found is found


def test_a_device_of_the_cpus_beside_a_gpu_is_partial(judge: Judge) -> None:
    cpu = Device(id="cpu", name="CPU", kind="cpu")
    assert judge({}, devices=(GPU, cpu))["partial-offload"].found is True


def test_settings_of_the_machine_stand_in_the_panel(judge: Judge) -> None:
    found = judge({})
    assert found["power-limit"].found is True
    assert found["power-limit"].evidence == "GPU 0: 300 W, by default 450 W"
    assert found["suspended"].found is False


def machine_of(play: Play, facts: Facts) -> Machine:
    """What the real reading makes of these cards."""
    play(facts)
    return machine_facts.observe()


def foreign(told: Report) -> Check:
    (check,) = [each for each in told.checks if each.rule == "foreign-process"]
    return check


@pytest.mark.parametrize(
    ("planned", "then", "found", "evidence"),
    [
        (TWO_4090, [TWO_4090, TWO_4090], False, "none of its 4 timed samples"),
        (
            THROTTLED,
            [THROTTLED, THROTTLED],
            True,
            "none of its 4 timed samples; GPU 0 had 2 processes of others when it was planned and "
            "before 2 of 2 launches, first b1-one",
        ),
        (
            TWO_4090,
            [TWO_4090, {**TWO_4090, "0.compute": "77:1048576", "1.compute": "78:0 79:0"}],
            True,
            "none of its 4 timed samples; GPU 0 had 1 process of others before 1 of 2 launches, "
            "first b2-one",
        ),
        (
            TWO_4090,
            [TWO_4090, {**TWO_4090, "0.graphics": "900:0"}],
            False,
            "none of its 4 timed samples",
        ),
        (
            FAILING,
            [FAILING, FAILING],
            None,
            "none of its 4 timed samples; not known is who is on GPU 0: the NVIDIA driver says: "
            "Insufficient Permissions",
        ),
        (
            TWO_4090,
            [TWO_4090],
            None,
            "none of its 4 timed samples; not known is who was there before b2-one: the machine "
            "was not read in time",
        ),
    ],
    ids=["nobody", "throughout", "between two launches", "a desktop", "untold", "unread"],
)
def test_who_else_is_on_the_cards_before_a_worker_is_none_of_the_runs(
    run: Path,
    tmp_path: Path,
    play: Play,
    planned: Facts,
    then: list[Facts],
    found: bool | None,
    evidence: str,
) -> None:
    launches = dict(zip(["b1-one", "b2-one"], then, strict=False))
    told = report(
        run,
        tmp_path / "run",
        {gauge("host", "memory_available"): lambda at, launch: 1.0},
        planned=machine_of(play, planned),
        seen={launch: machine_of(play, each) for launch, each in launches.items()},
    )
    check = foreign(told)
    assert (check.found, check.evidence, check.origin) == (found, evidence, "outside")
    assert "another process on its devices" in page.render(told)


def test_a_machine_without_cards_has_no_row_of_them(run: Path, tmp_path: Path, play: Play) -> None:
    """A Mac's GPU: what of it is held back is told by its thermal pressure, and it has no link."""
    bare = machine_of(play, {**TWO_4090, "count": 0})
    apple = replace(bare, apple=mac("Apple M3 Max", 40))
    levels = {gauge("host", "thermal_pressure"): lambda at, launch: 2.0 if launch else 0.0}
    told = {
        name: {check.rule: check for check in report(run, tmp_path / name, read, planned=on).checks}
        for name, read, on in (("mac", levels, apple), ("cool", {}, apple), ("other", levels, bare))
    }
    for rules in told.values():
        assert not rules.keys() & {"link-below-maximum", "clocks-set", "foreign-process"}
    held = told["mac"]["throttled"]
    assert (held.found, held.origin) == (True, "machine")
    assert held.evidence.startswith("thermal pressure: heavy in ")
    assert (told["cool"]["throttled"].found, told["cool"]["throttled"].evidence) == (
        None,
        "no probe read it",
    )
    assert (
        told["other"]["throttled"].evidence == "clocks are read of NVIDIA's and Apple's GPUs only"
    )


@pytest.mark.parametrize(
    ("changes", "found", "evidence"),
    [
        ({}, False, "it runs on no battery, and is not in low-power mode"),
        ({"low_power_mode": Reading(reason="pmset is silent")}, None, "pmset is silent"),
        ({"low_power_mode": Reading(True)}, True, "low-power mode is on"),
        ({"thermal_pressure": Reading("heavy")}, True, "its thermal pressure is heavy"),
    ],
)
def test_what_a_mac_does_not_tell_of_its_power_is_not_fine(
    run: Path,
    tmp_path: Path,
    play: Play,
    changes: dict[str, Any],
    found: bool | None,
    evidence: str,
) -> None:
    bare = machine_of(play, {**TWO_4090, "count": 0})
    apple, host = mac("Apple M3 Max", 40).value, bare.host.value
    assert apple is not None
    assert host is not None
    plugged = Reading(replace(host, on_battery=Reading(False)))
    there = replace(bare, host=plugged, apple=Reading(replace(apple, **changes)))
    told = report(run, tmp_path / "run", {}, planned=there)
    (check,) = [each for each in told.checks if each.rule == "low-power"]
    assert (check.found, check.evidence) == (found, evidence)


def loaded_by(run: Path) -> Loaded:
    return next(event.loaded for event in read_events(run) if isinstance(event, LaunchReady))


@pytest.mark.parametrize(
    ("changes", "experts", "share", "reason"),
    [
        ({}, 0, 0.5, None),
        ({"settings": {"replicas": Fact[Any](2, "config")}}, 0, 1.0, None),
        ({}, 8, None, "the model has experts"),
        ({}, None, None, "is not known"),
        ({"settings": {"speculative": Fact[Any]("mtp", "api")}}, 0, None, "speculated"),
        ({"weight_bytes": Fact[int](None, "api")}, 0, None, "how large its weights are"),
        ({"devices": ()}, 0, None, "GPUs of this machine alone"),
        ({"devices": (replace(GPU, id="GPU-x"),)}, 0, None, "GPUs of this machine alone"),
    ],
)
def test_decode_is_held_against_published_bandwidth(
    run: Path, changes: dict[str, Any], experts: int | None, share: float | None, reason: str | None
) -> None:
    """An RTX 4090 is published to read 1008 GB/s: 10.08 GB of weights 50 times is half of it."""
    base = {"devices": (GPU,), "weight_bytes": Fact(10_080_000_000, "api")}
    loaded = replace(loaded_by(run), **{**base, **changes})
    machine = read_manifest(run).plan.machine
    use = bandwidth_use(machine, loaded, 50.0, experts, "one", "short")
    assert use.share == (None if share is None else pytest.approx(share))
    assert (reason or "") in (use.reason or "")
    assert (use.reason is None) == (share is not None)
