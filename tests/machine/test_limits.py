"""What a process may use of a machine, from trees as the kernel lays them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.machine import facts, limits, rooms
from crossbench.machine.model import Host, Machine
from crossbench.machine.reading import Reading
from crossbench.report.machine import sections
from tests.machine.test_host import write

GIB = 2**30
POD = "0::/kubepods.slice/pod7/box\n"
OLDER = "4:memory:/docker/box\n3:cpuset:/\n2:cpu,cpuacct:/docker/box\n1:name=systemd:/box\n0::/\n"


def tree(root: Path, groups: str, **files: str) -> Path:
    """A root whose process is in these groups; files under /sys/fs/cgroup."""
    write(root, "proc/self/cgroup", groups)
    for file, text in files.items():
        write(root, f"sys/fs/cgroup/{file}", text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "cores", "memory"),
    [
        (POD, {}, None, None),
        (POD, {"kubepods.slice/pod7/box/cpu.max": "max 100000\n"}, None, None),
        (
            POD,
            {
                "kubepods.slice/pod7/box/cpu.max": "max 100000\n",
                "kubepods.slice/pod7/cpu.max": "350000 100000\n",
                "kubepods.slice/cpu.max": "6400000 100000\n",
                "kubepods.slice/pod7/box/memory.max": f"{8 * GIB}\n",
                "kubepods.slice/memory.max": "max\n",
            },
            3.5,
            8 * GIB,
        ),
        ("0::/\n", {"cpu.max": "50000 100000\n", "memory.max": f"{GIB}\n"}, 0.5, GIB),
        ("0::/../../other\n", {"cpu.max": "200000 100000\n"}, 2.0, None),
        (
            OLDER,
            {
                "cpu,cpuacct/docker/box/cpu.cfs_quota_us": "150000\n",
                "cpu,cpuacct/docker/box/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                "memory/docker/box/memory.limit_in_bytes": f"{4 * GIB}\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            1.5,
            4 * GIB,
        ),
        (
            OLDER,
            {
                "cpu/cpu.cfs_quota_us": "400000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            4.0,
            None,
        ),
    ],
    ids=["none", "max", "above it", "top", "outside", "version 1", "version 1 in a container"],
)
def test_the_least_of_all_groups_above_counts(
    tmp_path: Path, groups: str, files: dict[str, str], cores: float | None, memory: int | None
) -> None:
    root = tree(tmp_path, groups, **files)
    quota, limit = limits.processor_quota(root), limits.memory_bytes(root)
    assert (quota.value, limit.value) == (cores, memory)
    for reading in (quota, limit):
        assert reading.reason == (None if reading.value else "no control group limits it")


@pytest.mark.parametrize(("listed", "count"), [("0-63", 64), ("0-1,4,6-7", 5), ("3", 1)])
def test_processors_that_it_is_let_run_on_are_counted(
    tmp_path: Path, listed: str, count: int
) -> None:
    write(tmp_path, "proc/self/status", f"Name:\tx\nCpus_allowed_list:\t{listed}\nThreads:\t1\n")
    assert limits.processors(tmp_path).value == count


def test_of_this_process_it_is_what_the_system_calls_tell() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system holds no process to processors")
    assert limits.processors(Path("/")).value == len(os.sched_getaffinity(0))


def test_elsewhere_there_is_a_reason(tmp_path: Path) -> None:
    for read in (limits.processors, limits.processor_quota, limits.memory_bytes):
        assert read(tmp_path) == Reading(reason="read on Linux only")


@pytest.fixture
def pod() -> Machine:
    """64 processors, of which a pod may use 4, and 3.5 of their time."""
    seen = facts.observe()
    host = seen.host.value
    assert host is not None
    limited = replace(
        host,
        processors=Reading(4),
        processor_quota=Reading(3.5),
        memory_limit_bytes=Reading(8 * GIB),
    )
    return replace(seen, logical_cores=64, memory_bytes=512 * GIB, host=Reading[Host](limited))


def rows(machine: Machine) -> dict[str, str]:
    return dict(next(iter(sections(machine))).rows)


def test_limits_are_printed_where_they_limit(pod: Machine) -> None:
    told = rows(pod)
    assert told["cores allowed"] == "4 of 64 logical"
    assert told["processor time"] == "of 3.5 cores at most, by a control group"
    assert told["memory limit"] == "8 GiB, by a control group"
    roomy = replace(pod, logical_cores=4, memory_bytes=8 * GIB)
    assert not rows(roomy).keys() & {"cores allowed", "memory limit"}


def test_what_a_model_may_take_of_memory_is_within_the_limit(pod: Machine) -> None:
    host = pod.host.value
    assert host is not None
    small = replace(pod, host=Reading(replace(host, memory_limit_bytes=Reading(GIB))))
    *_, room = rooms.observe(small)
    assert room.total_bytes == GIB
    assert room.free_bytes is not None
    assert room.free_bytes <= GIB
