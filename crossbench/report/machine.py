"""A machine in words: sections of facts, each with its unit or the reason why it is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from crossbench.machine.apple_model import Apple
from crossbench.machine.model import Host, Machine
from crossbench.machine.nvidia_model import Nvidia, NvidiaDevice, NvLink, Pair
from crossbench.machine.published import published
from crossbench.machine.reading import Reading
from crossbench.report.words import number, size

T = TypeVar("T")
GB = 10**9
GHZ = 1e9


class Section(Struct, frozen=True):
    """Facts under one title, as label and text."""

    title: str
    rows: tuple[tuple[str, str], ...]


def sections(machine: Machine) -> Iterator[Section]:
    """The machine, its cards, and the paths between these."""
    yield Section("machine", tuple(_machine(machine)))
    if machine.apple.value:
        yield Section("Apple silicon", tuple(_apple(machine.apple.value)))
    if machine.nvidia.value:
        yield from _nvidia(machine.nvidia.value)


def told(reading: Reading[T], words: Callable[[T], str] = str) -> str:
    """The value in words, or that it is not known, and why."""
    if reading.value is None:
        return f"not known: {reading.reason or 'no reason was given'}"
    return words(reading.value)


def _machine(machine: Machine) -> Iterator[tuple[str, str]]:
    host = machine.host.value
    yield "processor", machine.cpu
    yield "cores", f"{machine.physical_cores} physical, {machine.logical_cores} logical"
    if host:
        yield from _limits(machine, host)
    free = f", {size(host.memory_available_bytes)} free" if host else ""
    yield "memory", size(machine.memory_bytes) + free
    yield "system", machine.system + (", under WSL2" if machine.wsl else "")
    yield "platform", machine.platform
    if host:
        yield from _host(host)
    else:
        yield "host", told(machine.host)
    if not machine.nvidia.value:
        yield "NVIDIA devices", told(machine.nvidia)


def _limits(machine: Machine, host: Host) -> Iterator[tuple[str, str]]:
    """Where this process may use less than what is there."""
    allowed, quota, memory = host.processors, host.processor_quota, host.memory_limit_bytes
    if allowed.value is not None and allowed.value < (machine.logical_cores or 0):
        yield "cores allowed", f"{allowed.value} of {machine.logical_cores} logical"
    if quota.value is not None:
        yield "processor time", f"of {quota.value:g} cores at most, by a control group"
    if memory.value is not None and memory.value < machine.memory_bytes:
        yield "memory limit", f"{size(memory.value)}, by a control group"


def _host(host: Host) -> Iterator[tuple[str, str]]:
    yield "swap", f"{size(host.swap_used_bytes)} used of {size(host.swap_total_bytes)}"
    yield "clock governor", told(host.governors, ", ".join)
    yield "clock at most", told(host.most_clock_hz, lambda hertz: f"{number(hertz / GHZ)} GHz")
    yield "energy", told(host.energy, lambda may: "readable" if may else "for root alone")
    yield "NUMA nodes", told(host.numa_nodes)
    yield "virtualised", told(host.virtualisation)
    yield "on battery", told(host.on_battery, _yes)


def _apple(apple: Apple) -> Iterator[tuple[str, str]]:
    yield "chip", told(apple.chip)
    yield "performance cores", told(apple.performance_cores)
    yield "efficiency cores", told(apple.efficiency_cores)
    yield "GPU cores", told(apple.gpu_cores)
    yield "wired limit", told(apple.wired_limit_bytes, lambda n: size(n) if n else "macOS chooses")
    yield "low-power mode", told(apple.low_power_mode, _on)
    yield "heat", told(apple.thermal_warning)
    yield "thermal pressure", told(apple.thermal_pressure)
    if known := published(apple.device or ""):
        yield "published bandwidth", f"{number(known.memory_bytes_per_s / GB)} GB/s"


def _nvidia(nvidia: Nvidia) -> Iterator[Section]:
    rows = [("driver", told(nvidia.driver)), ("newest CUDA it serves", told(nvidia.cuda))]
    if nvidia.hidden:
        rows.append(("hidden devices", f"{nvidia.hidden}, by CUDA_VISIBLE_DEVICES"))
    rows += [("lost device", reason) for reason in nvidia.lost]
    yield Section("NVIDIA driver", tuple(rows))
    for place, device in enumerate(nvidia.devices):
        yield Section(f"GPU {place}: {device.name}", tuple(_device(device)))
    for pair in nvidia.pairs:
        yield Section(f"GPU {pair.devices[0]} to GPU {pair.devices[1]}", tuple(_pair(pair)))


def _device(device: NvidiaDevice) -> Iterator[tuple[str, str]]:
    pcie, power = device.pcie, device.power
    yield "UUID", told(device.uuid)
    yield "PCI address", told(device.pci_address)
    yield "VBIOS", told(device.vbios)
    yield "memory", told(device.memory_total_bytes, size)
    yield "memory in use", told(device.memory_used_bytes, size)
    yield "PCIe generation", f"{told(pcie.generation)} now, at most {told(pcie.most_generation)}"
    yield "PCIe lanes", f"{told(pcie.width)} now, at most {told(pcie.most_width)}"
    yield "resizable BAR", told(device.resizable_bar, _on)
    yield "NUMA node", told(device.numa_node)
    yield "NVLink links", told(device.nvlinks, _links)
    yield (
        "power limit",
        f"{told(power.limit_w, _watts)}, by default {told(power.default_w, _watts)}",
    )
    yield "power bounds", f"{told(power.least_w, _watts)} to {told(power.most_w, _watts)}"
    yield "ECC", told(device.ecc, _on)
    yield "compute mode", told(device.compute_mode)
    yield "persistence", told(device.persistence, _on)
    yield "busy", told(device.busy_percent, lambda percent: f"{percent} %")
    yield "temperature", told(device.temperature_c, lambda degrees: f"{degrees} \u00b0C")
    yield "clocks set", told(device.clocks_set, lambda reasons: ", ".join(reasons) or "no")
    yield "held back by", told(device.held_back, lambda reasons: ", ".join(reasons) or "nothing")
    yield (
        "others on it",
        told(
            device.occupants,
            lambda found: (
                ", ".join(
                    f"{told(each.program)} ({each.kind}, {told(each.memory_bytes, size)})"
                    for each in found
                )
                or "none"
            ),
        ),
    )
    if known := published(device.name):
        yield "published bandwidth", f"{number(known.memory_bytes_per_s / GB)} GB/s"


def _links(links: Sequence[NvLink]) -> str:
    active = sum(link.active for link in links)
    states = ((active, "active"), (len(links) - active, "inactive"))
    return ", ".join(f"{count} {state}" for count, state in states if count) or "none"


def _pair(pair: Pair) -> Iterator[tuple[str, str]]:
    yield "in common", told(pair.topology)
    for kind, status in pair.access.items():
        yield f"peer-to-peer {kind}", told(status)
    yield "NVLink links between them", told(pair.nvlinks)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _on(value: bool) -> str:
    return "on" if value else "off"


def _watts(value: float) -> str:
    return f"{value:g} W"
