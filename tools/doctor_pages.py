"""Write docs/doctor.md: what `crossbench doctor` says of the cards that the tests play.

`python -m tools.doctor_pages` needs a C compiler; a test holds the page to the code.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pynvml
from msgspec.structs import replace

from crossbench.cli.doctor import machine_lines
from crossbench.lint.conditions import conditions
from crossbench.machine import nvidia
from crossbench.machine.model import Machine
from crossbench.machine.redaction import redacted
from crossbench.report.machine import sections
from tests.machine.stand_in import (
    FAILING,
    SCRIPT,
    SOURCE,
    THROTTLED,
    TWO_3090,
    TWO_4090,
    Facts,
    compiled,
    put,
)

PAGE = Path(__file__).parents[1] / "docs" / "doctor.md"
MACHINES = (
    ("Two RTX 4090 on x8 each, without peer-to-peer", TWO_4090),
    ("Two RTX 3090 with an NVLink bridge", TWO_3090),
    ("A card that is hot, limited and shared", THROTTLED),
    ("A driver that refuses much, and a card that has fallen off the bus", FAILING),
)
HEAD = """# What the doctor says of cards

`crossbench doctor --redacted` on the four machines that the tests play to it through NVIDIA's own
binding (see [machine.md](machine.md)), made by `python -m tools.doctor_pages`. What it says before
that of processor, memory and system, and after it of plugins and their environments, is left out.
None of this is from a real card.
"""
BARE = Machine(
    platform="linux-x86_64",
    system="",
    cpu="",
    physical_cores=None,
    logical_cores=None,
    memory_bytes=0,
    cuda_devices=(),
    wsl=False,
    python="",
)


def page(play: Callable[[Facts], object]) -> str:
    """The whole page; `play` has the library play a machine."""
    return "\n".join([HEAD, *_sections(play)])


def _sections(play: Callable[[Facts], object]) -> Iterator[str]:
    for title, facts in MACHINES:
        play(facts)
        with tempfile.TemporaryDirectory() as empty:
            cards = nvidia.observe(wsl=False, environ={}, root=Path(empty))
        machine = redacted(replace(BARE, nvidia=cards))
        host, *told = sections(machine)
        assert host.title == "machine"
        lines = "\n".join(machine_lines(told, tuple(conditions(machine))))
        yield f"## {title}\n\n```text\n{lines}\n```\n"


def main() -> None:
    """Write it."""
    with tempfile.TemporaryDirectory() as folder:
        library, script = Path(folder) / "libnvidia-ml.so.1", Path(folder) / "nvml.txt"
        pynvml.nvmlLib = ctypes.CDLL(str(compiled(SOURCE, library)))
        os.environ[SCRIPT] = str(script)
        PAGE.write_text(page(lambda facts: put(script, facts)), encoding="utf-8")


if __name__ == "__main__":
    main()
