"""Reading NVIDIA devices through NVML. What a call refuses is a reason, never an error.

Under WSL2 the Windows driver stands behind the library, and tells no processes, no utilisation, no
persistence and little of the bus (NVIDIA's "CUDA on WSL User Guide", features not supported).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from pathlib import PurePath
from typing import Any, TypeVar

import pynvml

from crossbench.machine.nvidia_model import (
    GRANTED,
    Access,
    Nvidia,
    NvidiaDevice,
    Occupant,
    Pair,
    PcieLink,
    Power,
)
from crossbench.machine.reading import Reading
from crossbench.machine.visible import visible

T = TypeVar("T")
U = TypeVar("U")
Read = Callable[[Callable[[], T]], Reading[T]]

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
MODES = {
    pynvml.NVML_COMPUTEMODE_DEFAULT: "default",
    pynvml.NVML_COMPUTEMODE_PROHIBITED: "prohibited",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive process",
}
HELD_BACK = {
    pynvml.nvmlClocksThrottleReasonApplicationsClocksSetting: "clocks set by the user",
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power limit",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksThrottleReasonSyncBoost: "clocks of a group of devices",
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat, by hardware",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}
MOST_LINKS = pynvml.NVML_NVLINK_MAX_LINKS
WINDOW_SLACK = 0.95
"""A window to all of a card's memory may be a little smaller than what the card calls total."""


def observe(*, wsl: bool, environ: Mapping[str, str]) -> Reading[Nvidia]:
    """Every device that CUDA would show this process."""
    try:
        with _opened():
            return Reading(_nvidia(_reader(wsl), environ))
    except pynvml.NVMLError as error:
        return Reading(reason=_why(error))


def used_bytes() -> Mapping[str, int]:
    """Device UUID -> bytes in use now; empty where there is no device or nothing is told."""
    try:
        with _opened():
            return dict(found for each in _handles() if each.value for found in _used(each.value))
    except pynvml.NVMLError:
        return {}


def _used(handle: Any) -> Iterator[tuple[str, int]]:
    uuid = _plain(lambda: pynvml.nvmlDeviceGetUUID(handle))
    memory = _plain(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    if uuid.value is not None and memory.value is not None:
        yield uuid.value, int(memory.value.used)


@contextmanager
def _opened() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _handles() -> list[Reading[Any]]:
    """Of all devices; of one that has fallen off the bus, why it cannot be opened."""
    return [
        _plain(partial(pynvml.nvmlDeviceGetHandleByIndex, index))
        for index in range(pynvml.nvmlDeviceGetCount())
    ]


def _plain(call: Callable[[], T]) -> Reading[T]:
    try:
        return Reading(call())
    except (pynvml.NVMLError, UnicodeDecodeError) as error:
        return Reading(reason=_why(error))


def _why(error: Exception) -> str:
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return "no NVIDIA driver is installed (no libnvidia-ml.so.1)"
    return f"the NVIDIA driver says: {error}"


def _reader(wsl: bool) -> Read[Any]:
    def read(call: Callable[[], T]) -> Reading[T]:
        found = _plain(call)
        if found.value is None and wsl:
            return Reading(reason=f"not told under WSL2 ({found.reason})")
        return found

    return read


def _nvidia(read: Read[Any], environ: Mapping[str, str]) -> Nvidia:
    opened = _handles()
    handles = [each.value for each in opened if each.value is not None]
    uuids = [read(partial(pynvml.nvmlDeviceGetUUID, each)).value or "" for each in handles]
    shown = [handles[place] for place in visible(uuids, environ)]
    return Nvidia(
        driver=read(pynvml.nvmlSystemGetDriverVersion),
        cuda=_mapped(read(pynvml.nvmlSystemGetCudaDriverVersion), _cuda),
        devices=tuple(_device(read, handle) for handle in shown),
        pairs=tuple(
            _pair(read, (a, b), shown[a], shown[b]) for a, b in combinations(range(len(shown)), 2)
        ),
        hidden=len(handles) - len(shown),
        lost=tuple(each.reason for each in opened if each.reason is not None),
    )


def _cuda(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _mapped(reading: Reading[T], change: Callable[[T], U]) -> Reading[U]:
    if reading.value is None:
        return Reading(reason=reading.reason)
    return Reading(change(reading.value))


def _device(read: Read[Any], handle: Any) -> NvidiaDevice:
    def told(function: Callable[[Any], T]) -> Reading[T]:
        return read(lambda: function(handle))

    memory = told(pynvml.nvmlDeviceGetMemoryInfo)
    window = _mapped(told(pynvml.nvmlDeviceGetBAR1MemoryInfo), lambda bar: int(bar.bar1Total))
    whole = memory.value.total if memory.value else None
    return NvidiaDevice(
        name=told(pynvml.nvmlDeviceGetName).value or "an NVIDIA device without a name",
        uuid=told(pynvml.nvmlDeviceGetUUID),
        pci_address=_mapped(told(pynvml.nvmlDeviceGetPciInfo), _address),
        vbios=told(pynvml.nvmlDeviceGetVbiosVersion),
        memory_total_bytes=_mapped(memory, lambda m: int(m.total)),
        memory_free_bytes=_mapped(memory, lambda m: int(m.free)),
        memory_used_bytes=_mapped(memory, lambda m: int(m.used)),
        bar1_bytes=window,
        resizable_bar=(
            _mapped(window, lambda seen: seen >= WINDOW_SLACK * whole)
            if whole
            else Reading(reason=window.reason or memory.reason)
        ),
        pcie=PcieLink(
            generation=told(pynvml.nvmlDeviceGetCurrPcieLinkGeneration),
            most_generation=told(pynvml.nvmlDeviceGetMaxPcieLinkGeneration),
            width=told(pynvml.nvmlDeviceGetCurrPcieLinkWidth),
            most_width=told(pynvml.nvmlDeviceGetMaxPcieLinkWidth),
        ),
        power=_power(told),
        ecc=_mapped(told(pynvml.nvmlDeviceGetEccMode), lambda modes: bool(modes[0])),
        compute_mode=_mapped(
            told(pynvml.nvmlDeviceGetComputeMode), lambda mode: MODES.get(mode, f"mode {mode}")
        ),
        persistence=_mapped(told(pynvml.nvmlDeviceGetPersistenceMode), bool),
        busy_percent=_mapped(told(pynvml.nvmlDeviceGetUtilizationRates), lambda u: int(u.gpu)),
        temperature_c=told(lambda h: pynvml.nvmlDeviceGetTemperature(h, 0)),
        held_back=_mapped(told(_clock_reasons), _held_back),
        occupants=_occupants(told),
    )


def _address(info: Any) -> str:
    found = info.busId
    return found.decode() if isinstance(found, bytes) else str(found)


def _power(told: Callable[[Callable[[Any], Any]], Reading[Any]]) -> Power:
    bounds = told(pynvml.nvmlDeviceGetPowerManagementLimitConstraints)
    return Power(
        limit_w=_mapped(told(pynvml.nvmlDeviceGetPowerManagementLimit), _watts),
        default_w=_mapped(told(pynvml.nvmlDeviceGetPowerManagementDefaultLimit), _watts),
        least_w=_mapped(bounds, lambda found: _watts(found[0])),
        most_w=_mapped(bounds, lambda found: _watts(found[1])),
    )


def _watts(milliwatts: int) -> float:
    return milliwatts / 1000


def _clock_reasons(handle: Any) -> int:
    """The older name is tried first: drivers before 535 know no other, newer ones still have it."""
    try:
        found: int = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    except pynvml.NVMLError_FunctionNotFound:
        found = pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    return found


def _held_back(reasons: int) -> tuple[str, ...]:
    return tuple(word for bit, word in HELD_BACK.items() if reasons & bit)


def _occupants(
    told: Callable[[Callable[[Any], Any]], Reading[Any]],
) -> Reading[tuple[Occupant, ...]]:
    compute = told(pynvml.nvmlDeviceGetComputeRunningProcesses)
    graphics = told(pynvml.nvmlDeviceGetGraphicsRunningProcesses)
    if compute.value is None:
        return Reading(reason=compute.reason)
    computing = {process.pid for process in compute.value}
    drawing = [process for process in graphics.value or () if process.pid not in computing]
    return Reading(
        (
            *(_occupant("compute", process) for process in compute.value),
            *(_occupant("graphics", process) for process in drawing),
        )
    )


def _occupant(kind: Any, process: Any) -> Occupant:
    name = _plain(lambda: pynvml.nvmlSystemGetProcessName(process.pid))
    held = process.usedGpuMemory
    return Occupant(
        kind=kind,
        program=_mapped(name, lambda path: PurePath(path.split(" ", 1)[0]).name or "unknown"),
        memory_bytes=Reading(int(held)) if held is not None else Reading(reason="not told"),
    )


def _pair(read: Read[Any], places: tuple[int, int], one: Any, other: Any) -> Pair:
    topology = read(lambda: pynvml.nvmlDeviceGetTopologyCommonAncestor(one, other))
    return Pair(
        devices=places,
        topology=_mapped(topology, lambda level: TOPOLOGY.get(level, f"level {level}")),
        access={
            kind: _mapped(
                read(partial(pynvml.nvmlDeviceGetP2PStatus, one, other, index)),
                lambda status: STATUS.get(status, "unknown"),
            )
            for kind, index in ACCESS.items()
        },
        nvlinks=_nvlinks(read, one, other),
    )


def _nvlinks(read: Read[Any], one: Any, other: Any) -> Reading[int]:
    there = read(lambda: _address(pynvml.nvmlDeviceGetPciInfo(other)))
    ends = read(lambda: list(_nvlink_ends(one)))
    if ends.value is None or (ends.value and there.value is None):
        return Reading(reason=ends.reason or there.reason)
    return Reading(ends.value.count(there.value))


def _nvlink_ends(handle: Any) -> Iterator[str]:
    """Where each active link of a device leads; a device without NVLink has none."""
    for link in range(MOST_LINKS):
        try:
            if pynvml.nvmlDeviceGetNvLinkState(handle, link):
                yield _address(pynvml.nvmlDeviceGetNvLinkRemotePciInfo(handle, link))
        except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_InvalidArgument):
            return
