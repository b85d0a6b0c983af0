"""What of the processors and the memory this process may use, where the system lets it have less.

Files of the kernel: proc(5), and Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst and
scheduler/sched-bwc.rst. A control group is bound by its own limits and by those of all above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crossbench.machine.reading import Reading

GROUPS = Path("sys/fs/cgroup")
ALLOWED = re.compile(r"^Cpus_allowed_list:\s*([\d,-]+)$", re.MULTILINE)
UNLIMITED_BYTES = 2**60
"""A first-version group without a limit says about 2**63."""
NOT_LINUX = "read on Linux only"
NO_LIMIT = "no control group limits it"


def processors(root: Path) -> Reading[int]:
    """How many of the logical processors this process is let run on."""
    found = ALLOWED.search(_text(root / "proc/self/status"))
    if found is None:
        return Reading(reason=NOT_LINUX)
    spans = (each.partition("-") for each in found[1].split(","))
    return Reading(sum(int(last or first) - int(first) + 1 for first, _, last in spans))


def processor_quota(root: Path) -> Reading[float]:
    """Seconds of processor time a second that its control groups let it take, as cores."""
    return _least(root, [quota for folder in _folders(root, "cpu") for quota in _quotas(folder)])


def memory_bytes(root: Path) -> Reading[int]:
    """What its control groups let it and all beside it in them have of memory."""
    told = [
        int(text)
        for folder in _folders(root, "memory")
        for file in ("memory.max", "memory.limit_in_bytes")
        if (text := _text(folder / file)).isdecimal()
    ]
    limit = _least(root, [float(each) for each in told if each < UNLIMITED_BYTES])
    return Reading(reason=limit.reason) if limit.value is None else Reading(int(limit.value))


def _least(root: Path, limits: list[float]) -> Reading[float]:
    if limits:
        return Reading(min(limits))
    return Reading(reason=NO_LIMIT if _text(root / "proc/self/cgroup") else NOT_LINUX)


def _quotas(folder: Path) -> Iterator[float]:
    """Version 2 writes "QUOTA PERIOD" or "max PERIOD", version 1 two files and -1."""
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    older = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    for most, over in ((quota, period), older):
        if most.isdecimal() and over.isdecimal() and int(over):
            yield int(most) / int(over)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Of its group and those above it; in a container what it calls its group may be the top."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = (*line.split(":", 2), "", "")[:3]
        if names and controller not in names.split(","):
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for mount in (names or ".", controller if names else "unified"):
            for depth in range(len(parts), -1, -1):
                yield (root / GROUPS / mount).joinpath(*parts[:depth])


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
