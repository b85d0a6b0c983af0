"""What probes read beside a run, in its report: time, and memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.analysis.memory import MemoryUse
from crossbench.api import DeviceMemory
from crossbench.journal.events import LaunchStarted
from crossbench.journal.folder import MANIFEST
from crossbench.journal.reader import read_events, read_manifest
from crossbench.machine import facts, telemetry
from crossbench.machine.telemetry import TELEMETRY, Opened, Seen, Watched
from crossbench.report.build import build
from crossbench.report.markdown import page
from crossbench.report.model import Report
from tests.analysis.readings import CARD, POWER
from tests.conftest import run_crossbench
from tests.machine.probed import SUITE
from tests.machine.slow_motion import gauge, report
from tests.machine.stand_in import GIB, MIB, TWO_4090, Play
from tests.machine.test_published import mac

pytestmark = pytest.mark.slow


def test_a_run_is_read_from_before_its_first_worker_to_its_end(run: Path) -> None:
    told = json.loads((run / "report.json").read_text())["telemetry"]
    assert told["absent"] is None
    absent = {each["name"]: each["absent"] for each in told["probes"]}
    clocks = list(Path("/sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_cur_freq"))
    assert absent.pop("processor") is None or not clocks
    if not clocks:
        (check,) = [
            each
            for each in json.loads((run / "report.json").read_text())["checks"]
            if each["rule"] == "processor-throttled"
        ]
        assert check["evidence"] == "the kernel tells no clocks, as in most virtual machines"
    assert {name: reason is None for name, reason in absent.items()} == {
        "nvml": True,
        "ioreport": False,
        "pressure": False,
        "rapl": Path("/sys/class/powercap/intel-rapl:0/energy_uj").exists(),
        "host": True,
        "tree": True,
        "pcie": True,
    }
    assert [each["launch"] for each in told["watches"]] == ["b1-one", "b2-one"]
    assert 0 <= told["watches"][0]["begin_s"] < told["watches"][0]["end_s"]
    assert told["watches"][0]["end_s"] <= told["watches"][1]["begin_s"]
    told_of = [each.launch for each in telemetry.read(run) if isinstance(each, Watched)]
    assert told_of == ["b1-one", None, "b2-one", None]
    assert 0 < told["core_share"] < 1
    assert {(each["launch"], each["samples"] > 0) for each in told["paces"]} == {
        ("b1-one", True),
        ("b2-one", True),
    }
    assert all(50 < each["decode_tps"] < 120 for each in told["paces"])
    traces = {(each["device"], each["quantity"]): each for each in told["traces"]}
    assert set(traces["GPU 1", "temperature"]["mean"]) == {34.0}
    assert all(len(each["mean"]) == len(told["at_s"]) for each in traces.values())
    assert max(filter(None, traces["worker", "rss"]["most"])) > 10 * MIB
    assert "- The machine was read" in (run / "report.md").read_text()


def test_no_uuid_reaches_the_report(run: Path) -> None:
    for name in ("report.json", "report.md"):
        assert "a1b2c3d-0000" not in (run / name).read_text()


def test_the_first_worker_waits_until_idling_is_known(run: Path) -> None:
    opened, *_ = telemetry.read(run)
    started = next(event for event in read_events(run) if isinstance(event, LaunchStarted))
    assert isinstance(opened, Opened)
    assert started.monotonic_ns - opened.at_ns > 10e9


def test_the_machines_facts_are_read_before_each_worker_and_at_the_end(run: Path) -> None:
    events = [each for each in telemetry.read(run) if isinstance(each, Seen | Watched)]
    told = [each.launch if isinstance(each, Watched) else "seen" for each in events]
    assert told == ["seen", "b1-one", None, "seen", "b2-one", None, "seen"]
    planned = read_manifest(run).plan.machine
    for each in events:
        if isinstance(each, Seen):
            assert each.machine.value is not None
            assert each.machine.value.gpus == planned.gpus
    report = json.loads((run / "report.json").read_text())
    (check,) = [each for each in report["checks"] if each["rule"] == "machine-changed"]
    assert check["found"] is False
    assert check["evidence"].endswith("settings stayed as they were, read 3 times")


def test_resuming_appends_a_sitting(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    report(run, folder, {POWER: lambda at, launch: 100.0})
    before = (folder / TELEMETRY).read_bytes()
    done = run_crossbench(tmp_path, "run", "--resume", folder, "--accept-changes")
    assert done.returncode == 0, done.stderr
    after = (folder / TELEMETRY).read_bytes()
    assert after.startswith(before)
    sittings = [event for event in telemetry.read(folder) if isinstance(event, Opened)]
    assert len(sittings) == 2
    told = json.loads((folder / "report.json").read_text())["telemetry"]
    assert len(told["watches"]) == 2


def test_a_run_without_probes_says_so(tmp_path: Path, store: Path) -> None:
    suite = tmp_path / "probed.toml"
    suite.write_text(SUITE)
    done = run_crossbench(tmp_path, "run", suite, "--out", "run", "--no-probes")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "run" / TELEMETRY).exists()
    text = (tmp_path / "run" / "report.md").read_text()
    assert "The machine was not read while it ran: it was switched off (--no-probes)" in text
    assert "## Energy" not in text


def of(told: Report, device: str) -> MemoryUse:
    return next(use for use in told.memory if use.device == device)


def test_memory_is_told_before_loaded_and_at_most(run: Path, tmp_path: Path) -> None:
    """Half a GiB of a desktop, 5 GiB loaded, and from 30 s on every now and then 6 GiB."""
    begun: dict[str, float] = {}

    def used(at_s: float, launch: str | None) -> float:
        if launch is None:
            return 0.5 * GIB
        later_s = round(at_s - begun.setdefault(launch, at_s))
        return (6 if later_s > 30 and later_s % 20 == 0 else 5) * GIB

    told = report(run, tmp_path / "run", {gauge(CARD, "memory_used"): used})
    use = of(told, "GPU 0")
    assert use.peak_bytes == 6 * GIB
    assert use.loaded_bytes == 5 * GIB
    assert use.baseline_bytes == GIB // 2
    assert use.capacity_bytes == 24564 * MIB
    assert [each.device for each in told.memory if each.device.startswith("GPU")] == ["GPU 0"]
    assert "6 GiB (25 %)" in page.render(told)


def test_the_engines_split_stands_beside_what_was_read(run: Path, tmp_path: Path) -> None:
    told = report(
        run,
        tmp_path / "run",
        {
            gauge("host", "memory_available"): lambda at, launch: 0.0 if launch else 1.0 * GIB,
            gauge("worker", "rss"): lambda at, launch: 3.0 * GIB if launch else None,
        },
    )
    whole = read_manifest(run).plan.machine.memory_bytes
    assert of(told, "memory").peak_bytes == whole
    assert of(told, "memory").baseline_bytes == whole - GIB
    assert of(told, "worker").baseline_bytes == 0
    assert of(told, "worker").loaded_bytes == 3 * GIB
    assert of(told, "cpu").engine == DeviceMemory(used_bytes=0)
    assert of(told, "cpu").reasons == ("only its engine calls a device that",)
    assert "one on cpu" not in page.render(told)


def test_memory_that_nobody_read_has_a_reason_in_the_report(run: Path, tmp_path: Path) -> None:
    """One card tells nothing, and what the host has is read only while no worker runs."""
    told = report(
        run,
        tmp_path / "run",
        {gauge("host", "memory_available"): lambda at, launch: None if launch else 1.0 * GIB},
    )
    assert of(told, "GPU 0").reasons == ("no probe read it",)
    assert of(told, "memory").peak_bytes is None
    assert "nothing was read while it ran" in of(told, "memory").reasons
    text = page.render(told)
    assert "- one on GPU 0: no probe read it." in text
    assert "one on memory: nothing was read while it ran." in text


def test_without_probes_a_card_has_that_for_its_reason(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    report(run, folder, {})
    (folder / TELEMETRY).unlink()
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "probing": False}))
    told = build(folder)
    off = "it was switched off (--no-probes)"
    assert of(told, "GPU 0").reasons == (off,)
    checks = {check.rule: check for check in told.checks}
    for rule in ("throttled", "link-below-maximum", "swapped", "other-load", "machine-changed"):
        assert (checks[rule].found, checks[rule].evidence) == (None, off)
    assert checks["foreign-process"].found is None
    assert checks["foreign-process"].evidence.endswith(f"before b1-one, b2-one: {off}")


def test_wired_memory_has_the_limit_that_macos_chooses(
    run: Path, tmp_path: Path, play: Play
) -> None:
    play({**TWO_4090, "count": 0})
    there = replace(facts.observe(), apple=mac("Apple M3 Max", 40))
    wired = {gauge("host", "memory_wired"): lambda at, launch: 1.0 * GIB}
    told = report(run, tmp_path / "run", wired, planned=there)
    use = of(told, "wired memory")
    assert use.capacity_bytes is None
    assert "one on wired memory: macOS chooses how much of it may be wired." in page.render(told)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"tick","at_ns":18446744073709551615,"took_ns":0,"values":[1.0]}',
        b'{"type":"tick","at_ns":5,"took_ns":0,"values":[1e300]}',
        b'{"type":"tick","at_ns":4,"took_ns":0,"values":["much"]}',
        b'{"type":"watched","at_ns":-1,"launch":"b1-one"}',
        b'{"type":"watched","at_ns":4611686018427387904,"launch":"nobody"}',
        b'{"type":"opened","at_ns":0,"interval_s":0,"probes":[]}',
        b"\xff\xfe",
    ],
)
def test_telemetry_of_any_bytes_costs_no_report(run: Path, tmp_path: Path, line: bytes) -> None:
    folder = tmp_path / "run"
    used = {gauge(CARD, "memory_used"): lambda at, launch: 1.0 * GIB}
    whole = report(run, folder, used)
    lines = (folder / TELEMETRY).read_bytes().splitlines(keepends=True)
    for place in (0, 1, len(lines) // 2, len(lines)):
        broken = [*lines[:place], line + b"\n", *lines[place:]]
        (folder / TELEMETRY).write_bytes(b"".join(broken))
        assert [cell for each in build(folder).scenarios for cell in each.cells] == [
            cell for each in whole.scenarios for cell in each.cells
        ]
