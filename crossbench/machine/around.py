"""What this process runs inside of: containers, and the machine that they think is theirs.

There is no one place that tells. What is looked at follows systemd's container interface
(systemd.io/CONTAINER_INTERFACE), the runtimes' own marks, and the kernel's words of the firmware.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from crossbench.machine.reading import Reading

HYPERVISORS = {
    "kvm": "KVM",
    "qemu": "KVM or QEMU",
    "dummy-virt": "KVM or QEMU",
    "vmware": "VMware",
    "virtualbox": "VirtualBox",
    "innotek": "VirtualBox",
    "parallels": "Parallels",
    "xen": "Xen",
    "amazon ec2": "Amazon EC2",
    "google compute engine": "Google Compute Engine",
    "microsoft corporation virtual machine": "Hyper-V",
    "apple virtualization": "Apple's Virtualization framework",
}
"""What firmware or device tree call the machine, in lower case -> what runs it."""
MARKS = {
    "run/secrets/kubernetes.io": "a Kubernetes pod",
    "var/run/secrets/kubernetes.io": "a Kubernetes pod",
    ".dockerenv": "a Docker container",
    "run/.containerenv": "a Podman container",
    "dev/lxd": "an LXC container",
    "dev/.lxc": "an LXC container",
}
"""Files and folders that a runtime puts into its containers."""
NAMES = {
    "kubepods": "a Kubernetes pod",
    "docker": "a Docker container",
    "libpod": "a Podman container",
    "podman": "a Podman container",
    "containerd": "a containerd container",
    "crio": "a CRI-O container",
    "lxc": "an LXC container",
    "systemd-nspawn": "a systemd-nspawn container",
}
"""Words in what the kernel says of a process in a container -> what it is."""
OVERLAY = re.compile(r"^\S+ \S+ \S+ \S+ / .* - overlay \S+ (.*)$", re.MULTILINE)
NAMED = re.compile(r"(?:^|\0)container=([^\0]*)")
UNNAMED = "a container of unknown kind"
NO_NAME = "a hypervisor that does not tell its name"
METAL = "metal"
"""The end of the names of instances that are whole machines."""
NOT_LINUX = "read on Linux only"
UNTOLD = "a processor of this kind does not tell whether a hypervisor is above it"
MAYBE = "a machine that does not tell whether it is virtual"


def around(root: Path) -> Reading[str]:
    """From the inside out, such as "a Docker container, in KVM"; "none" on bare metal.

    `root` holds `proc`, `sys`, and what runtimes leave in a container.
    """
    cpuinfo = _text(root / "proc/cpuinfo")
    if not cpuinfo:
        return Reading(reason=NOT_LINUX)
    containers = list(_containers(root))
    machine = _machine(root, cpuinfo)
    if machine.value is None:
        found = ", in ".join([*containers, MAYBE])
        return Reading(found) if containers else Reading(reason=machine.reason)
    return Reading(", in ".join([*containers, *filter(None, [machine.value])]) or "none")


def _containers(root: Path) -> Iterator[str]:
    """The innermost that is known of; one it stands in is not told apart from it.

    A folder above a mark may be closed to this user, at which `Path.exists` would raise.
    """
    marks = [name for file, name in MARKS.items() if os.path.exists(root / file)]  # noqa: PTH110
    said = NAMED.search(_text(root / "proc/1/environ"))
    told = [_text(root / "run/systemd/container"), said[1] if said else ""]
    overlay = OVERLAY.search(_text(root / "proc/self/mountinfo"))
    told += [_text(root / "proc/self/cgroup"), overlay[1] if overlay else ""]
    names = [name for text in told for word, name in NAMES.items() if word in text]
    if any(told[:2]) or overlay:
        names.append(UNNAMED)
    yield from [*marks, *names][:1]


def _machine(root: Path, cpuinfo: str) -> Reading[str]:
    """What is above the kernel; an empty name for nothing."""
    if "microsoft" in _text(root / "proc/sys/kernel/osrelease").lower():
        return Reading("WSL2")
    flags = _flags(cpuinfo)
    known = _named(root)
    if flags:
        return Reading((known or NO_NAME) if "hypervisor" in flags else "")
    if known is not None:
        return Reading(known)
    board = root / "proc/device-tree"
    if _text(board / "compatible") and not (board / "hypervisor").exists():
        return Reading("")
    return Reading(reason=UNTOLD)


def _flags(cpuinfo: str) -> set[str]:
    """Of an x86 processor; others write none by this name."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return {flag for key, _, flags in lines if key.strip() == "flags" for flag in flags.split()}


def _named(root: Path) -> str | None:
    """The hypervisor that firmware or device tree name."""
    files = ("sys_vendor", "product_name")
    made = " ".join(_text(root / "sys/class/dmi/id" / file) for file in files)
    others = ("proc/device-tree/compatible", "proc/device-tree/hypervisor/compatible")
    told = " ".join([made, *(_text(root / each) for each in (*others, "sys/hypervisor/type"))])
    known = [name for word, name in HYPERVISORS.items() if word in told.lower()]
    return known[0] if known and not made.lower().endswith(METAL) else None


def _text(file: Path) -> str:
    """What a file of the kernel's says; nothing where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
