"""How cards reach the host and each other, where it is worse than it could be."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.lint.condition import Condition, of_each_card, of_gpus
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import GRANTED, NvidiaDevice, Pair
from crossbench.machine.published import published
from crossbench.report.words import counted, size


@of_each_card(
    "pcie-narrow",
    "note",
    "put the card into a slot with more lanes, where the board has one: loading, and sharing "
    "a model between cards, are what it costs",
)
def narrow_link(gpu: NvidiaDevice) -> str | None:
    """Cards with fewer lanes than they have: what cards send each other takes longer."""
    width, lanes = gpu.pcie.width.value, _lanes(gpu)
    return f"x{width} of x{lanes}" if width and lanes and width < lanes else None


def _lanes(gpu: NvidiaDevice) -> int | None:
    """Of the card itself, by what is published; else as many as its slot would give it."""
    known = published(gpu.name)
    return known.lanes if known and known.lanes else gpu.pcie.most_width.value


def peer_to_peer(machine: Machine) -> Iterator[Condition]:
    """Cards that cannot reach each other's memory."""
    cards = machine.nvidia.value
    apart = [
        "GPU {} and GPU {}: {}".format(*pair.devices, ", ".join(dict.fromkeys(_denied(pair))))
        for pair in (cards.pairs if cards else ())
        if pair.peer_to_peer is False
    ]
    yield from of_gpus(
        "no-peer-to-peer",
        "note",
        apart,
        "what they send each other goes through the host's memory, which costs a model that is "
        "split by tensors most; cards that take an NVLink bridge have peer-to-peer by it",
        "doctor",
    )


def _denied(pair: Pair) -> Iterator[str]:
    told = (pair.access[kind].value for kind in ("read", "write") if kind in pair.access)
    yield from (status for status in told if status not in (None, GRANTED))


@of_each_card(
    "nvlink-inactive",
    "risk",
    "seat the bridge anew; nvidia-smi nvlink --status says more of each link",
)
def nvlink(gpu: NvidiaDevice) -> str | None:
    """Links that are there and carry nothing, beside others that do."""
    links = gpu.nvlinks.value or ()
    dead = sum(not link.active for link in links)
    return f"{dead} of {counted(len(links), 'link')}" if 0 < dead < len(links) else None


def resizable_bar(machine: Machine) -> Iterator[Condition]:
    """Several cards of which the processor, and the other cards, see a part at a time."""
    small = [
        f"GPU {place}: {size(gpu.bar1_bytes.value)} of its memory at once"
        for place, gpu in enumerate(machine.gpus)
        if gpu.resizable_bar.value is False
    ]
    yield from of_gpus(
        "resizable-bar",
        "note",
        small if len(machine.gpus) > 1 else [],
        "turn on Above 4G Decoding and Resizable BAR in the firmware, where board and card have "
        "them: peer-to-peer over PCIe needs them",
        "doctor",
    )


def numa(machine: Machine) -> Iterator[Condition]:
    """Cards that hang on different processors."""
    nodes = {
        place: gpu.numa_node.value
        for place, gpu in enumerate(machine.gpus)
        if gpu.numa_node.value is not None
    }
    told = [f"GPU {place} at NUMA node {node}" for place, node in nodes.items()]
    yield from of_gpus(
        "numa-apart",
        "note",
        told if len(set(nodes.values())) > 1 else [],
        "take cards of one node by CUDA_VISIBLE_DEVICES, or move one to a slot of the other's",
        "doctor",
    )
