"""Reading the paths between NVIDIA devices through NVML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pynvml

from crossbench.machine.nvidia_model import GRANTED, Access, NvLink, Pair
from crossbench.machine.nvml import Read, address, mapped, plain
from crossbench.machine.reading import Reading

TOPOLOGY = {
    pynvml.NVML_TOPOLOGY_INTERNAL: "one board",
    pynvml.NVML_TOPOLOGY_SINGLE: "one PCIe switch",
    pynvml.NVML_TOPOLOGY_MULTIPLE: "several PCIe switches",
    pynvml.NVML_TOPOLOGY_HOSTBRIDGE: "a host bridge",
    pynvml.NVML_TOPOLOGY_NODE: "a NUMA node, across its host bridges",
    pynvml.NVML_TOPOLOGY_SYSTEM: "only the link between NUMA nodes",
}
ACCESS: Mapping[Access, int] = {"read": 0, "write": 1, "nvlink": 2, "atomics": 3, "pci": 4}
"""`nvmlGpuP2PCapsIndex_t` of nvml.h."""
STATUS = {
    pynvml.NVML_P2P_STATUS_OK: GRANTED,
    pynvml.NVML_P2P_STATUS_CHIPSET_NOT_SUPPORTED: "chipset not supported",
    pynvml.NVML_P2P_STATUS_GPU_NOT_SUPPORTED: "GPU not supported",
    pynvml.NVML_P2P_STATUS_IOH_TOPOLOGY_NOT_SUPPORTED: "topology not supported",
    pynvml.NVML_P2P_STATUS_DISABLED_BY_REGKEY: "disabled in the driver's settings",
    pynvml.NVML_P2P_STATUS_NOT_SUPPORTED: "not supported",
}
MOST_LINKS = pynvml.NVML_NVLINK_MAX_LINKS


def pair(read: Read[Any], places: tuple[int, int], one: Any, other: Any) -> Pair:
    """The path between two devices, given by their places and their handles."""
    topology = read(lambda: pynvml.nvmlDeviceGetTopologyCommonAncestor(one, other))
    return Pair(
        devices=places,
        topology=mapped(topology, lambda level: TOPOLOGY.get(level, f"level {level}")),
        access={
            kind: mapped(
                read(partial(pynvml.nvmlDeviceGetP2PStatus, one, other, index)),
                lambda status: STATUS.get(status, "unknown"),
            )
            for kind, index in ACCESS.items()
        },
        nvlinks=_between(read, one, other),
    )


def _between(read: Read[Any], one: Any, other: Any) -> Reading[int]:
    there = read(lambda: address(pynvml.nvmlDeviceGetPciInfo(other)))
    links = nvlinks(read, one)
    if links.value is None or (links.value and there.value is None):
        return Reading(reason=links.reason or there.reason)
    ends = [link.end.value for link in links.value if link.active]
    return Reading(ends.count(there.value))


def nvlinks(read: Read[Any], handle: Any) -> Reading[tuple[NvLink, ...]]:
    """Each link of a device; a device without NVLink has none."""
    return read(lambda: tuple(_nvlinks(handle)))


def _nvlinks(handle: Any) -> Iterator[NvLink]:
    for link in range(MOST_LINKS):
        try:
            active = bool(pynvml.nvmlDeviceGetNvLinkState(handle, link))
        except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_InvalidArgument):
            return
        end = plain(partial(pynvml.nvmlDeviceGetNvLinkRemotePciInfo, handle, link))
        yield NvLink(active=active, end=mapped(end, address))
