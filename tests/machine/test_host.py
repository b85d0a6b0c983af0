"""The host's side of a machine, read from trees as the kernel lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.machine import host

ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
METAL = {
    "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
    "sys/class/dmi/id/product_name": "c7g.metal\n",
}
OVERLAY = "550 1 0:61 / / rw,relatime - overlay overlay rw,upperdir=/var/lib/{}/7/fs,workdir=/w\n"
FLAGS = "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: fpu vme {}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/cpuinfo", FLAGS.format("sse"))
    return tmp_path


def write(root: Path, file: str, text: str) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_host_tells_of_its_memory() -> None:
    seen = host.observe()
    assert seen.memory_available_bytes > 0
    assert 0 <= seen.swap_used_bytes <= seen.swap_total_bytes
    assert seen.kernel


def test_governors_of_all_cores_are_told_once_each(root: Path) -> None:
    for core, governor in enumerate(["powersave\n", "performance\n", "powersave\n"]):
        write(root, f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor", governor)
    assert host.observe(root).governors.value == ("performance", "powersave")


def test_the_fastest_core_is_what_a_clock_may_rise_to(root: Path) -> None:
    for core, most in enumerate([3_800_000, 5_700_000, 3_800_000]):
        write(root, f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq", f"{most}\n")
    assert host.observe(root).most_clock_hz.value == 5.7e9


def test_a_system_without_control_of_clocks_says_so(root: Path) -> None:
    told = host.observe(root).governors
    assert told.value is None
    assert "no control of clocks" in (told.reason or "")


@pytest.mark.parametrize(("counter", "may"), [("123\n", True), ("", False)])
def test_whether_energy_may_be_read(root: Path, counter: str, may: bool) -> None:
    """Root reads everything, so an empty file stands for one that a user may not."""
    write(root, "sys/class/powercap/intel-rapl:0/name", "package-0\n")
    write(root, "sys/class/powercap/intel-rapl:0/energy_uj", counter)
    write(root, "sys/class/powercap/intel-rapl:1/name", "psys\n")
    write(root, "sys/class/powercap/intel-rapl:1/energy_uj", "")
    write(root, "sys/class/powercap/intel-rapl:0:0/energy_uj", "")
    assert host.observe(root).energy.value is may


def test_numa_nodes_are_counted(root: Path) -> None:
    for node in (0, 1):
        write(root, f"sys/devices/system/node/node{node}/meminfo", "")
    assert host.observe(root).numa_nodes.value == 2


@pytest.mark.parametrize(
    ("files", "around"),
    [
        ({}, "none"),
        ({"proc/cpuinfo": FLAGS.format("hypervisor")}, "a hypervisor that does not tell its name"),
        (
            {
                "proc/cpuinfo": FLAGS.format("hypervisor"),
                "sys/class/dmi/id/sys_vendor": "QEMU\n",
                "sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
            },
            "KVM or QEMU",
        ),
        (
            {"proc/cpuinfo": FLAGS.format("hypervisor"), ".dockerenv": ""},
            "a Docker container, in a hypervisor that does not tell its name",
        ),
        ({"run/.containerenv": ""}, "a Podman container"),
        (
            {
                "proc/cpuinfo": FLAGS.format("hypervisor"),
                "proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n",
            },
            "WSL2",
        ),
        ({"run/secrets/kubernetes.io/serviceaccount/token": ""}, "a Kubernetes pod"),
        ({"proc/self/cgroup": "0::/kubepods.slice/cri-containerd-1a.scope\n"}, "a Kubernetes pod"),
        ({"proc/self/mountinfo": OVERLAY.format("containerd")}, "a containerd container"),
        ({"proc/self/mountinfo": OVERLAY.format("docker")}, "a Docker container"),
        ({"proc/self/mountinfo": OVERLAY.format("other")}, "a container of unknown kind"),
        ({"proc/1/environ": "PATH=/bin\0container=lxc\0"}, "an LXC container"),
        ({"run/systemd/container": "systemd-nspawn\n"}, "a systemd-nspawn container"),
        ({"run/systemd/container": "wonder\n"}, "a container of unknown kind"),
        ({"proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"}, "none"),
        ({"proc/cpuinfo": ARM, "sys/class/dmi/id/sys_vendor": "QEMU\n"}, "KVM or QEMU"),
        (
            {"proc/cpuinfo": ARM, "proc/device-tree/compatible": "linux,dummy-virt\0"},
            "KVM or QEMU",
        ),
        (
            {
                "proc/cpuinfo": ARM,
                "proc/device-tree/compatible": "xen,xenvm\0",
                "proc/device-tree/hypervisor/compatible": "xen,xen\0",
            },
            "Xen",
        ),
        ({"proc/cpuinfo": ARM, "proc/device-tree/compatible": "raspberrypi,4-model-b\0"}, "none"),
        ({"proc/cpuinfo": ARM}, None),
        ({"proc/cpuinfo": ARM, **METAL}, None),
        (
            {"proc/cpuinfo": ARM, ".dockerenv": ""},
            "a Docker container, in a machine that does not tell whether it is virtual",
        ),
    ],
)
def test_what_is_around_it(root: Path, files: dict[str, str], around: str | None) -> None:
    for file, text in files.items():
        write(root, file, text)
    told = host.observe(root).virtualisation
    assert told.value == around
    untold = "a processor of this kind does not tell whether a hypervisor is above it"
    assert told.reason == (untold if around is None else None)


def test_a_system_without_such_files_gives_reasons(tmp_path: Path) -> None:
    seen = host.observe(tmp_path)
    for reading in (
        seen.governors,
        seen.most_clock_hz,
        seen.energy,
        seen.numa_nodes,
        seen.virtualisation,
        seen.processors,
        seen.processor_quota,
        seen.memory_limit_bytes,
    ):
        assert reading.value is None
        assert reading.reason
