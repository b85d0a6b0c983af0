"""What is published of known devices: bandwidths, arithmetic, links, each with its source.

The file is a table of the project's own; `confidence` and `source` say how well each row is known.
Bandwidths in it are decimal (1 GB = 10^9 bytes), as makers give them, and those of links are of one
direction.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from msgspec import Struct

from crossbench.machine.model import Machine

GB = 10**9


class Published(Struct, frozen=True, kw_only=True):
    """One device, or one size of it. None where nothing is published."""

    name: str
    memory_bytes_per_s: float
    fp16_tflops: float | None
    """Dense, accumulated in fp32."""
    power_w: float | None
    pcie: str | None
    """Generation and lanes, such as "4.0 x16"; None for unified memory."""
    pcie_bytes_per_s: float | None
    """One direction."""
    nvlink_bytes_per_s: float | None
    """One direction, all links together."""
    peer_to_peer: str
    """Whether the stock driver lets devices reach each other's memory over PCIe, in words."""
    confidence: str
    source: str

    @property
    def lanes(self) -> int | None:
        """PCIe lanes that the device has."""
        return int(self.pcie.rpartition("x")[2]) if self.pcie else None


def published(device: str) -> Published | None:
    """The device of exactly this name, as its driver calls it; None where it is not in the table.

    Of Apple silicon the name holds the GPU's cores, as `Apple.device` gives it.
    """
    return _table().get(device)


def bandwidth(machine: Machine) -> float | None:
    """Published memory bandwidth, in bytes per second, of one device that a model would run on.

    Of unlike devices the slowest, which the others wait for. None without a GPU (processors are not
    in the table), and where one is not known.
    """
    names = machine.cuda_devices
    if machine.apple.value and machine.apple.value.device:
        names = (machine.apple.value.device,)
    known = [published(name) for name in names]
    if not known or None in known:
        return None
    return min(device.memory_bytes_per_s for device in known if device)


@cache
def _table() -> dict[str, Published]:
    text = (files("crossbench.machine") / "data" / "hardware.csv").read_text(encoding="utf-8")
    return {device.name: device for row in csv.DictReader(text.splitlines()) for device in _of(row)}


def _of(row: dict[str, str]) -> Iterator[Published]:
    """A row may hold several sizes of a chip, whose figures are given only where they agree."""
    pcie = row["pcie"] if " x" in row["pcie"] else None
    for name in row["names"].split("|"):
        yield Published(
            name=name,
            memory_bytes_per_s=float(row["memory_bandwidth_gbs"]) * GB,
            fp16_tflops=_number(row["fp16_dense_tflops_fp32acc"]),
            power_w=_number(row["tdp_w"]),
            pcie=pcie,
            pcie_bytes_per_s=_scaled(row["pcie_gbs_per_direction"]),
            nvlink_bytes_per_s=_scaled(row["nvlink_gbs_per_direction"]) or None,
            peer_to_peer=row["p2p_over_pcie_stock_driver"],
            confidence=row["confidence"],
            source=row["source"],
        )


def _number(text: str) -> float | None:
    try:
        return float(text.removeprefix("~"))
    except ValueError:
        return None


def _scaled(text: str) -> float | None:
    found = _number(text)
    return None if found is None else found * GB
