"""On what kind of disk a file lies, by the kernel's own word."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from crossbench.machine.model import Medium, Storage
from crossbench.machine.reading import Reading

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "ceph", "9p", "afs"})
"""File systems behind a network; 9p is WSL2's way to the disks of Windows."""
MEMORY = frozenset({"tmpfs", "ramfs"})
VIRTUAL = re.compile(r"x?vd[a-z]+\d*")
ESCAPED = re.compile(r"\\([0-7]{3})")


class _Mount(Struct, frozen=True, kw_only=True):
    """A line of mountinfo, see proc(5)."""

    device: str
    """Major and minor number."""
    point: Path
    kind: str
    source: str


def observe(path: Path, root: Path = Path("/")) -> Storage:
    """Where an artifact lies; of a folder, its largest file decides. `root` holds `proc`, `sys`."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    sizes = {file: file.stat().st_size for file in files}
    if not sizes:
        return Storage(bytes=0, medium=Reading(reason="there is no file"))
    largest = max(sizes, key=sizes.__getitem__).resolve()
    return Storage(bytes=sum(sizes.values()), medium=_medium(largest, root))


def _medium(file: Path, root: Path) -> Reading[Medium]:
    under = [mount for mount in _mounts(root) if file.is_relative_to(mount.point)]
    if not under:
        return Reading(reason="read on Linux only")
    mount = max(reversed(under), key=lambda mount: len(mount.point.parts))
    if mount.kind in NETWORK:
        return Reading("network")
    if mount.kind in MEMORY:
        return Reading("memory")
    disk = _disk(mount, root)
    if disk is None:
        return Reading(reason=f"no block device is known behind its file system ({mount.kind})")
    if VIRTUAL.fullmatch(disk.name):
        return Reading(reason="it lies on a virtual disk, of whose kind the kernel knows nothing")
    return _rotation(disk)


def _mounts(root: Path) -> list[_Mount]:
    try:
        lines = (root / "proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [_mount(line) for line in lines if " - " in line]


def _mount(line: str) -> _Mount:
    before, after = (half.split() for half in line.split(" - ", 1))
    point = ESCAPED.sub(lambda code: chr(int(code[1], 8)), before[4])
    return _Mount(device=before[2], point=Path(point), kind=after[0], source=after[1])


def _disk(mount: _Mount, root: Path) -> Path | None:
    """The block device's folder in sysfs; btrfs and the like are known by their source only."""
    by_number = root / "sys/dev/block" / mount.device
    if by_number.exists():
        return by_number.resolve()
    source = (root / mount.source.lstrip("/")).resolve()
    by_name = root / "sys/class/block" / source.name
    return by_name.resolve() if mount.source.startswith("/dev/") and by_name.exists() else None


def _rotation(disk: Path) -> Reading[Medium]:
    """A partition has the queue of the disk above it."""
    for folder in (disk, disk.parent):
        try:
            turns = (folder / "queue" / "rotational").read_text().strip()
        except OSError:
            continue
        return Reading("spinning disk" if turns == "1" else "solid state")
    return Reading(reason="the kernel does not tell whether its disk turns")
