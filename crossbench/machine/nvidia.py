"""Reading NVIDIA devices through NVML, in this process: it hangs where the driver does.

`cards` reads the same in a process of its own, within bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path, PurePath
from typing import Any, TypeVar

import pynvml

from crossbench.machine.nvidia_model import Nvidia, NvidiaDevice, Occupant, PcieLink, Power
from crossbench.machine.nvidia_paths import nvlinks, pair
from crossbench.machine.nvml import (
    WSL_PROCESSES,
    Read,
    address,
    handles,
    mapped,
    opened,
    plain,
    reader,
    why,
)
from crossbench.machine.reading import Reading
from crossbench.machine.visible import visible

T = TypeVar("T")

MODES = {
    pynvml.NVML_COMPUTEMODE_DEFAULT: "default",
    pynvml.NVML_COMPUTEMODE_PROHIBITED: "prohibited",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive process",
}
HELD_BACK = {
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power limit",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat, by hardware",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}
"""What the card and its driver do to its clocks by themselves."""
CLOCKS_SET = {
    pynvml.nvmlClocksThrottleReasonApplicationsClocksSetting: "clocks set by the user",
    pynvml.nvmlClocksThrottleReasonSyncBoost: "clocks of a group of devices",
    pynvml.nvmlClocksThrottleReasonDisplayClockSetting: "clocks set for the display",
}
"""What somebody has set; told only while the card works."""
WINDOW_SLACK = 0.95
"""A window to all of a card's memory may be a little smaller than what the card calls total."""


def observe(*, wsl: bool, environ: Mapping[str, str], root: Path = Path("/")) -> Reading[Nvidia]:
    """Every device that CUDA would show this process; `root` holds its `sys`."""
    try:
        with opened():
            return Reading(_nvidia(wsl, environ, root))
    except pynvml.NVMLError as error:
        return Reading(reason=why(error))


def used_bytes() -> Mapping[str, int]:
    """Device UUID -> bytes in use now; empty where there is no device or nothing is told."""
    told = {}
    for handle in _open_handles():
        uuid = plain(partial(pynvml.nvmlDeviceGetUUID, handle))
        memory = plain(partial(pynvml.nvmlDeviceGetMemoryInfo, handle))
        if uuid.value is not None and memory.value is not None:
            told[uuid.value] = int(memory.value.used)
    return told


def computing(*, wsl: bool, environ: Mapping[str, str]) -> Reading[tuple[int, ...]]:
    """Ids of the processes that compute now on the devices that CUDA would show this process.

    Where one of these does not tell, its reason.
    """
    if wsl:
        return Reading(reason=WSL_PROCESSES)
    try:
        with opened():
            there = [each.value for each in handles() if each.value is not None]
            shown = _shown(plain, there, environ)
            calls = [partial(pynvml.nvmlDeviceGetComputeRunningProcesses, each) for each in shown]
            found = [plain(call) for call in calls]
    except pynvml.NVMLError as error:
        return Reading(reason=why(error))
    untold = [each.reason for each in found if each.value is None]
    if untold:
        return Reading(reason=untold[0])
    return Reading(tuple({process.pid for each in found for process in each.value or ()}))


def celsius() -> tuple[int, ...]:
    """How hot each device is now that tells."""
    found = [plain(partial(pynvml.nvmlDeviceGetTemperature, each, 0)) for each in _open_handles()]
    return tuple(each.value for each in found if each.value is not None)


def _open_handles() -> Iterator[Any]:
    """Of each device that can be opened, for as long as they are gone through."""
    try:
        with opened():
            yield from (each.value for each in handles() if each.value is not None)
    except pynvml.NVMLError:
        return


def _nvidia(wsl: bool, environ: Mapping[str, str], root: Path) -> Nvidia:
    read = reader(wsl)
    found = handles()
    there = [each.value for each in found if each.value is not None]
    shown = _shown(read, there, environ)
    return Nvidia(
        driver=read(pynvml.nvmlSystemGetDriverVersion),
        cuda=mapped(read(pynvml.nvmlSystemGetCudaDriverVersion), _cuda),
        devices=tuple(_device(wsl, handle, root) for handle in shown),
        pairs=tuple(
            pair(read, (a, b), shown[a], shown[b]) for a, b in combinations(range(len(shown)), 2)
        ),
        hidden=len(there) - len(shown),
        lost=tuple(each.reason for each in found if each.reason is not None),
    )


def _shown(read: Read[Any], there: Sequence[Any], environ: Mapping[str, str]) -> list[Any]:
    """Those of the handles that CUDA shows, in its order."""
    uuids = [read(partial(pynvml.nvmlDeviceGetUUID, each)).value or "" for each in there]
    return [there[place] for place in visible(uuids, environ)]


def _cuda(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _device(wsl: bool, handle: Any, root: Path) -> NvidiaDevice:
    read = reader(wsl)

    def told(function: Callable[[Any], T]) -> Reading[T]:
        return read(lambda: function(handle))

    memory = told(pynvml.nvmlDeviceGetMemoryInfo)
    place = mapped(told(pynvml.nvmlDeviceGetPciInfo), address)
    window = mapped(told(pynvml.nvmlDeviceGetBAR1MemoryInfo), lambda bar: int(bar.bar1Total))
    whole = memory.value.total if memory.value else None
    reasons = told(_clock_reasons)
    return NvidiaDevice(
        name=told(pynvml.nvmlDeviceGetName).value or "an NVIDIA device without a name",
        uuid=told(pynvml.nvmlDeviceGetUUID),
        pci_address=place,
        vbios=told(pynvml.nvmlDeviceGetVbiosVersion),
        memory_total_bytes=mapped(memory, lambda m: int(m.total)),
        memory_free_bytes=mapped(memory, lambda m: int(m.free)),
        memory_used_bytes=mapped(memory, lambda m: int(m.used)),
        bar1_bytes=window,
        resizable_bar=(
            mapped(window, lambda seen: seen >= WINDOW_SLACK * whole)
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
        ecc=mapped(told(pynvml.nvmlDeviceGetEccMode), lambda modes: bool(modes[0])),
        compute_mode=mapped(
            told(pynvml.nvmlDeviceGetComputeMode), lambda mode: MODES.get(mode, f"mode {mode}")
        ),
        persistence=mapped(told(pynvml.nvmlDeviceGetPersistenceMode), bool),
        busy_percent=mapped(told(pynvml.nvmlDeviceGetUtilizationRates), lambda u: int(u.gpu)),
        temperature_c=told(lambda h: pynvml.nvmlDeviceGetTemperature(h, 0)),
        held_back=mapped(reasons, lambda bits: _words(bits, HELD_BACK)),
        clocks_set=mapped(reasons, lambda bits: _words(bits, CLOCKS_SET)),
        occupants=_occupants(told, wsl),
        numa_node=_numa_node(place, root),
        nvlinks=nvlinks(read, handle),
    )


def _numa_node(place: Reading[str], root: Path) -> Reading[int]:
    """As the kernel knows the device; NVML writes its PCI domain in more digits."""
    if place.value is None:
        return Reading(reason=place.reason)
    device = root / "sys/bus/pci/devices" / place.value.lower()[-len("0000:00:00.0") :]
    try:
        node = int((device / "numa_node").read_text())
    except (OSError, ValueError):
        return Reading(reason="the system tells no NUMA node of devices")
    return Reading(node) if node >= 0 else Reading(reason="the system has one memory for all")


def _power(told: Callable[[Callable[[Any], Any]], Reading[Any]]) -> Power:
    bounds = told(pynvml.nvmlDeviceGetPowerManagementLimitConstraints)
    return Power(
        limit_w=mapped(told(pynvml.nvmlDeviceGetPowerManagementLimit), _watts),
        default_w=mapped(told(pynvml.nvmlDeviceGetPowerManagementDefaultLimit), _watts),
        least_w=mapped(bounds, lambda found: _watts(found[0])),
        most_w=mapped(bounds, lambda found: _watts(found[1])),
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


def _words(reasons: int, words: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(word for bit, word in words.items() if reasons & bit)


def _occupants(
    told: Callable[[Callable[[Any], Any]], Reading[Any]], wsl: bool
) -> Reading[tuple[Occupant, ...]]:
    compute = told(pynvml.nvmlDeviceGetComputeRunningProcesses)
    graphics = told(pynvml.nvmlDeviceGetGraphicsRunningProcesses)
    if compute.value is None:
        return Reading(reason=compute.reason)
    if wsl and not compute.value and not graphics.value:
        return Reading(reason=WSL_PROCESSES)
    computing = {process.pid for process in compute.value}
    drawing = [process for process in graphics.value or () if process.pid not in computing]
    return Reading(
        (
            *(_occupant("compute", process) for process in compute.value),
            *(_occupant("graphics", process) for process in drawing),
        )
    )


def _occupant(kind: Any, process: Any) -> Occupant:
    name = plain(lambda: pynvml.nvmlSystemGetProcessName(process.pid))
    held = process.usedGpuMemory
    return Occupant(
        kind=kind,
        program=mapped(name, lambda path: PurePath(path.split(" ", 1)[0]).name or "unknown"),
        memory_bytes=Reading(int(held)) if held is not None else Reading(reason="not told"),
    )
