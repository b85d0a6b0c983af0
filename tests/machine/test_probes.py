"""Probes and the process that reads them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossbench.api import Channel, ProbeAbsent
from crossbench.machine.probes.host import HostProbe
from crossbench.machine.probes.ioreport import IoReportProbe
from crossbench.machine.probes.nvml import NvmlProbe
from crossbench.machine.probes.pcie import PcieProbe
from crossbench.machine.probes.processor import ProcessorProbe
from crossbench.machine.probes.rapl import RaplProbe
from crossbench.machine.probes.tree import TreeProbe
from crossbench.registry import Registry
from tests.machine.stand_in import FAILING, MIB, NO_DRIVER, TWO_4090, Play
from tests.test_registry import Site, site

__all__ = ["site"]
pytestmark = pytest.mark.usefixtures("no_process_left")


def test_each_card_is_read_by_its_uuid(play: Play) -> None:
    play(TWO_4090)
    probe = NvmlProbe()
    channels = probe.open()
    values = dict(zip(((c.device[:5], c.quantity) for c in channels), probe.read(), strict=True))
    probe.close()
    assert values["GPU-1", "memory_used"] == 400 * MIB
    assert values["GPU-0", "power"] == pytest.approx(22.31)
    assert values["GPU-0", "energy"] == pytest.approx(1000)
    assert values["GPU-0", "clock"] == pytest.approx(2.52e9)
    assert values["GPU-0", "pcie_width"] == 8


def test_what_a_card_never_tells_is_no_channel_and_what_fails_later_is_nothing(play: Play) -> None:
    play(FAILING)
    probe = NvmlProbe()
    quantities = [channel.quantity for channel in probe.open()]
    assert "memory_used" not in quantities
    assert "busy" not in quantities
    play({**FAILING, "fail nvmlDeviceGetPowerUsage": 999})
    assert probe.read()[quantities.index("power")] is None
    assert probe.read()[quantities.index("temperature")] == 34
    probe.close()


def test_without_a_driver_the_probe_is_absent(play: Play) -> None:
    play(NO_DRIVER)
    with pytest.raises(ProbeAbsent, match="Driver Not Loaded"):
        NvmlProbe().open()


def test_what_passes_over_the_bus_is_read_apart(play: Play) -> None:
    play({**TWO_4090, "1.pcie.sent": "1,2,4000", "1.pcie.received": 7})
    probe = PcieProbe()
    channels = probe.open()
    assert [(each.device[:5], each.quantity) for each in channels[2:]] == [
        ("GPU-1", "pcie_sent"),
        ("GPU-1", "pcie_received"),
    ]
    assert probe.read() == [1.2e6, 350e6, 2000.0, 7000.0]
    play({**TWO_4090, "fail nvmlDeviceGetPcieThroughput": 999})
    assert probe.read() == [None] * 4
    probe.close()
    with pytest.raises(ProbeAbsent, match="no device tells what passes over its bus"):
        PcieProbe().open()
    play(NO_DRIVER)
    with pytest.raises(ProbeAbsent, match="Driver Not Loaded"):
        PcieProbe().open()


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


@pytest.fixture
def cpus(tmp_path: Path) -> Path:
    """Two cores of two threads each, all of one package."""
    cpus = tmp_path / "sys/devices/system/cpu"
    for cpu in range(4):
        write(cpus / f"cpu{cpu}/cpufreq/scaling_cur_freq", f"{3_000_000 + 100_000 * cpu}")
        write(cpus / f"cpu{cpu}/topology/core_cpus_list", f"{cpu % 2},{cpu % 2 + 2}")
        write(cpus / f"cpu{cpu}/topology/physical_package_id", "0")
        write(cpus / f"cpu{cpu}/thermal_throttle/core_throttle_count", f"{3 + cpu % 2}")
        write(cpus / f"cpu{cpu}/thermal_throttle/package_throttle_count", "5")
    return tmp_path


def test_throttling_is_counted_once_a_core_and_once_a_package(cpus: Path) -> None:
    probe = ProcessorProbe(cpus)
    told = [(channel.quantity, channel.unit, channel.kind) for channel in probe.open()]
    assert told == [
        ("clock", "Hz", "gauge"),
        ("core_throttles", "", "counter"),
        ("package_throttles", "", "counter"),
    ]
    assert probe.read() == [pytest.approx(3.15e9), 7.0, 5.0]
    (cpus / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count").unlink()
    assert probe.read() == [pytest.approx(3.15e9), None, 5.0]
    probe.close()


def test_of_many_cores_the_clocks_of_some_are_read(tmp_path: Path) -> None:
    for cpu in range(64):
        clock = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"
        write(clock, "2000000")
    probe = ProcessorProbe(tmp_path)
    (channel,) = probe.open()
    assert (channel.quantity, probe.read()) == ("clock", [2e9])
    assert len(probe._clocks) == 16


def test_a_processor_that_tells_nothing_is_absent(tmp_path: Path) -> None:
    with pytest.raises(ProbeAbsent, match="tells no clocks"):
        ProcessorProbe(tmp_path).open()


@pytest.fixture
def rapl(tmp_path: Path) -> Path:
    """Two packages, the first with its cores inside, and the whole platform beside them."""
    for name, label, energy in (
        ("intel-rapl:0", "package-0", 5_000_000),
        ("intel-rapl:0:0", "core", 1_000_000),
        ("intel-rapl:1", "package-1", 7_500_000),
        ("intel-rapl:2", "psys", 90_000_000),
    ):
        zone = tmp_path / "sys" / "class" / "powercap" / name
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"{label}\n")
        (zone / "energy_uj").write_text(f"{energy}\n")
        (zone / "max_energy_range_uj").write_text("262143328850\n")
    return tmp_path


def test_packages_are_counted_once(rapl: Path) -> None:
    probe = RaplProbe(rapl)
    assert probe.open() == [
        Channel(
            device=name,
            quantity="energy",
            unit="J",
            kind="counter",
            wraps_at=262143.32885,
            scope="cpu_package",
        )
        for name in ("package-0", "package-1")
    ]
    assert probe.read() == [5.0, 7.5]
    (rapl / "sys/class/powercap/intel-rapl:1/energy_uj").unlink()
    assert probe.read() == [5.0, None]


def test_energy_that_only_root_may_read_is_absent(rapl: Path) -> None:
    """Root reads everything, so an empty file stands for one that it may not."""
    (rapl / "sys/class/powercap/intel-rapl:1/energy_uj").write_text("")
    with pytest.raises(ProbeAbsent, match="lets only root read the energy of intel-rapl:1"):
        RaplProbe(rapl).open()
    with pytest.raises(ProbeAbsent, match="no intel-rapl"):
        RaplProbe(rapl / "nowhere").open()


class Chip:
    """IOReport as zeus-apple-silicon gives it, on a chip that does not tell its memory's energy."""

    def __init__(self) -> None:
        self.energy = 0

    def get_cumulative_energy(self) -> SimpleNamespace:
        self.energy += 1500
        parts = {"gpu_sram_mj": 0, "dram_mj": None, "ane_mj": 250}
        return SimpleNamespace(cpu_total_mj=self.energy, gpu_mj=2 * self.energy, **parts)


def test_a_chip_is_the_sum_of_the_parts_that_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(AppleEnergyMonitor=Chip)
    monkeypatch.setitem(sys.modules, "zeus_apple_silicon", library)
    probe = IoReportProbe()
    channels = probe.open()
    assert channels[0].device == "chip (CPU, GPU, GPU SRAM, ANE)"
    assert [channel.scope for channel in channels] == ["soc_package", *[None] * 4]
    assert probe.read() == pytest.approx([9.25, 3.0, 6.0, 0.0, 0.25])
    probe.close()


@pytest.mark.parametrize(
    ("monitor", "why"),
    [(None, "only Apple silicon"), (RuntimeError("no subscription"), "no subscription")],
)
def test_without_ioreport_the_probe_is_absent(
    monkeypatch: pytest.MonkeyPatch, monitor: Exception | None, why: str
) -> None:
    def refuse() -> None:
        assert monitor is not None
        raise monitor

    library = SimpleNamespace(AppleEnergyMonitor=refuse) if monitor else None
    monkeypatch.setitem(sys.modules, "zeus_apple_silicon", library)
    with pytest.raises(ProbeAbsent, match=why):
        IoReportProbe().open()


def test_the_host_and_a_tree_of_processes() -> None:
    host = HostProbe()
    assert len(host.open()) == len(host.read())
    available, swap, spent, *_ = host.read()
    assert available is not None
    assert available > 0
    assert swap is not None
    assert spent is not None
    tree = TreeProbe()
    tree.open()
    assert tree.read() == [None, None, None]
    code = "import subprocess, sys; x = bytearray(64 * 2**20); subprocess.run(['sleep', '60'])"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        tree.watch(child.pid)
        deadline = time.monotonic() + 20
        while (tree.read()[0] or 0) < 64 * 2**20 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (tree.read()[0] or 0) > 64 * 2**20
        alone = tree.read()[0] or 0
        tree.watch(child.pid, os.getpid())
        assert (tree.read()[0] or 0) > alone + 10 * 2**20
        tree.watch(child.pid)
    finally:
        os.killpg(child.pid, 9)
        child.wait()
    assert tree.read() == [None, None, None]


def test_a_child_that_is_born_later_counts() -> None:
    """Though a tick looks for the tree anew only when something was born."""
    bears = "import subprocess, sys; input(); subprocess.run([sys.executable, '-c', sys.argv[1]])"
    holds = "import time; x = bytearray(64 * 2**20); time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", bears, holds], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        tree = TreeProbe()
        tree.watch(parent.pid)
        assert 0 < (tree.read()[0] or 0) < 64 * 2**20
        assert parent.stdin is not None
        parent.stdin.write(b"\n")
        parent.stdin.close()
        deadline = time.monotonic() + 20
        while (tree.read()[0] or 0) < 64 * 2**20 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (tree.read()[0] or 0) > 64 * 2**20
    finally:
        os.killpg(parent.pid, 9)
        parent.wait()


BUSY = "import os, time\nos.nice(19)\nwhile time.process_time() < 0.15: pass"
SPENT = ("user", "nice", "system", "irq", "softirq", "steal")


def spent_s() -> float:
    """As proc_stat(5) lays it out; its user time holds that of guests."""
    _, *ticks = Path("/proc/stat").read_text().splitlines()[0].split()
    states = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    told = dict(zip(states, map(int, ticks), strict=False))
    return sum(told[state] for state in SPENT) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat here")
def test_time_of_the_niced_counts_as_anybodys() -> None:
    """Without it the sum would be behind what the kernel tells by at least the child's."""
    host = HostProbe()
    place = [channel.quantity for channel in host.open()].index("cpu_time")
    subprocess.run([sys.executable, "-c", BUSY], check=True, timeout=60)
    least, told, most = spent_s(), host.read()[place], spent_s()
    assert told is not None
    assert least - 0.02 <= told <= most + 0.02


PROBES = """\
from crossbench.api import ProbeSpec
from crossbench.hookspecs import hookimpl
@hookimpl
def crossbench_probes():
    yield ProbeSpec(name={name!r}, factory={factory!r})
"""


@pytest.mark.parametrize(
    ("name", "factory", "cause"),
    [
        ("wall", "tests.machine.test_sampling:Clumsy", None),
        ("nvml", "tests.machine.test_sampling:Clumsy", "probe 'nvml' is already provided"),
        ("wall", "no reference", "factory 'no reference'"),
        ("wall", 3, "Expected `str`, got `int`"),
    ],
)
def test_plugins_bring_probes(site: Site, name: str, factory: object, cause: str | None) -> None:
    site.install("meter", PROBES.format(name=name, factory=factory))
    registry = Registry(site.points())
    names = [probe.name for probe in registry.probes()]
    built_in = ["nvml", "processor", "rapl", "ioreport", "pressure", "host", "tree", "pcie"]
    assert names == [*built_in, *([] if cause else ["wall"])]
    told = [problem.cause for problem in registry.problems]
    assert [(cause or "") in each for each in told] == ([True] if cause else [])
