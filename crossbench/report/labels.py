"""What machines and runs are called where several stand side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from crossbench.machine.model import Machine

_NOISE = re.compile(
    r"\((?:R|TM)\)|\bNVIDIA (?:GeForce )?|\b(?:CPU\s*)?@.*$|\bProcessor\b|\b\d+-Core\b",
    re.IGNORECASE,
)
APART = " @ "
"""Between a name and its run's label, where two runs have the name."""


def machine_label(machine: Machine) -> str:
    """Its devices, else its processor: `2x RTX 4090`, `Apple M3 Max`, `AMD EPYC 7B13`."""
    if machine.cuda_devices:
        counts = Counter(map(_short, machine.cuda_devices))
        return ", ".join(
            f"{count}x {name}" if count > 1 else name for name, count in counts.items()
        )
    apple = machine.apple.value
    return _short((apple.chip.value if apple else None) or machine.cpu) or "machine"


def _short(name: str) -> str:
    return " ".join(_NOISE.sub(" ", name).split())


def machine_facts(machine: Machine) -> tuple[object, ...]:
    """What one machine has in common with itself later, whatever it does meanwhile."""
    return (
        machine.platform,
        machine.cpu,
        machine.logical_cores,
        machine.memory_bytes,
        machine.cuda_devices,
    )


def labelled(given: Sequence[str | None], machines: Sequence[Machine]) -> list[str]:
    """A label for each run: the user's, else its machine's, numbered where that is not enough."""
    wanted = [
        label or machine_label(machine) for label, machine in zip(given, machines, strict=True)
    ]
    counts, seen = Counter(wanted), Counter[str]()
    found: list[str] = []
    for label in wanted:
        seen[label] += 1
        found.append(f"{label} (run {seen[label]})" if counts[label] > 1 else label)
    return found


def apart(names: Sequence[Iterable[str]], labels: Sequence[str]) -> list[dict[str, str]]:
    """For each run its names -> what they are called among all: those of several runs with the
    label of theirs."""
    of_runs = [dict.fromkeys(each) for each in names]
    counts = Counter(name for each in of_runs for name in each)
    return [
        {name: f"{name}{APART}{label}" if counts[name] > 1 else name for name in each}
        for each, label in zip(of_runs, labels, strict=True)
    ]
