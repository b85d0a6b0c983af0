"""On what a file lies, by trees as the kernel lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.machine import storage
from tests.conftest import TINY


class Disks:
    """A `/proc` and a `/sys` of our own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounts = root / "proc" / "self" / "mountinfo"
        self.mounts.parent.mkdir(parents=True)
        self.mounts.write_text("")

    def disk(self, name: str, turns: int, number: str, partition: str = "") -> None:
        folder = self.root / "sys" / "devices" / "pci0" / name
        (folder / "queue").mkdir(parents=True)
        (folder / "queue" / "rotational").write_text(f"{turns}\n")
        device = folder / partition if partition else folder
        device.mkdir(exist_ok=True)
        for link in (f"sys/dev/block/{number}", f"sys/class/block/{partition or name}"):
            (self.root / link).parent.mkdir(parents=True, exist_ok=True)
            (self.root / link).symlink_to(device)

    def mount(self, point: Path | str, number: str, kind: str, source: str) -> None:
        line = f"36 35 {number} / {point} rw,noatime shared:1 - {kind} {source} rw\n"
        self.mounts.write_text(self.mounts.read_text() + line)


@pytest.fixture
def disks(tmp_path: Path) -> Disks:
    return Disks(tmp_path / "root")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(bytes(1000))
    (folder / "config.json").write_bytes(bytes(10))
    return folder


@pytest.mark.parametrize(("turns", "medium"), [(0, "solid state"), (1, "spinning disk")])
def test_a_partition_turns_if_its_disk_does(
    disks: Disks, model: Path, turns: int, medium: str
) -> None:
    disks.disk("sda", turns, "8:1", partition="sda1")
    disks.mount("/", "8:1", "ext4", "/dev/sda1")
    found = storage.observe(model, disks.root)
    assert (found.bytes, found.medium.value) == (1010, medium)
    assert storage.observe(model / "model.gguf", disks.root).bytes == 1000


def test_the_innermost_mount_counts_also_with_a_space_in_its_name(
    disks: Disks, model: Path
) -> None:
    disks.disk("nvme0n1", 0, "259:0")
    disks.disk("sdb", 1, "8:16")
    disks.mount("/", "259:0", "ext4", "/dev/nvme0n1")
    disks.mount(str(model).replace(" ", r"\040"), "8:16", "ext4", "/dev/sdb")
    assert storage.observe(model, disks.root).medium.value == "spinning disk"
    assert storage.observe(TINY / "config.json", disks.root).medium.value == "solid state"


def test_btrfs_is_known_by_its_source(disks: Disks, model: Path) -> None:
    disks.disk("sdb", 1, "8:16")
    disks.mount("/", "0:31", "btrfs", "/dev/sdb")
    assert storage.observe(model, disks.root).medium.value == "spinning disk"


@pytest.mark.parametrize(
    ("kind", "medium"), [("nfs4", "network"), ("9p", "network"), ("tmpfs", "memory")]
)
def test_other_file_systems(disks: Disks, model: Path, kind: str, medium: str) -> None:
    disks.mount("/", "0:52", kind, "server:/models")
    assert storage.observe(model, disks.root).medium.value == medium


def test_what_cannot_be_known_has_a_reason(disks: Disks, model: Path, tmp_path: Path) -> None:
    assert storage.observe(model, tmp_path).medium.reason == "read on Linux only"
    disks.mount("/", "0:60", "overlay", "overlay")
    assert "no block device" in (storage.observe(model, disks.root).medium.reason or "")
    disks.disk("vda", 1, "254:0")
    disks.mount("/", "254:0", "ext4", "/dev/vda")
    assert "virtual disk" in (storage.observe(model, disks.root).medium.reason or "")


def test_this_machine_has_a_disk_or_a_reason() -> None:
    found = storage.observe(TINY / "config.json")
    assert found.bytes == (TINY / "config.json").stat().st_size
    assert (found.medium.value is None) != (found.medium.reason is None)
