"""The integrity panel, and decode against published bandwidth."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.analysis.bandwidth import bandwidth_use
from crossbench.analysis.integrity import Check
from crossbench.api import Channel, Device, Fact, Loaded
from crossbench.journal import (
    BackgroundWorked,
    Journal,
    LaunchReady,
    SampleTaken,
    read_events,
    read_manifest,
)
from crossbench.places.placement import Place
from crossbench.report.markdown import page
from tests.analysis.readings import CARD
from tests.machine.slow_motion import GPU, Value, gauge, report
from tests.machine.stand_in import MIB, POWER_CAP

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


def test_what_nobody_read_is_not_known(judge: Judge) -> None:
    found = judge({gauge("host", "memory_available"): lambda at, launch: 1.0})
    rules = ("throttled", "processor-throttled", "link-below-maximum", "swapped", "other-load")
    for rule in (*rules, "machine-changed"):
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
    assert found["foreign-process"].evidence == "none of 4 timed samples"
    assert found["suspended"].found is False


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
