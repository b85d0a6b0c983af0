"""A stand-in for NVIDIA's library, compiled here, and machines that it plays.

The binding, the reading and all that stands on them are the real ones. What the machines say is
put together from NVIDIA's documentation and from outputs that others have published; none of it was
recorded on such a machine.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pynvml
import pytest

from crossbench.machine import cards

SOURCE = Path(__file__).with_name("nvml.c")
SCRIPT = "CROSSBENCH_TEST_NVML"
GIB, MIB = 2**30, 2**20
CHIPSET_NOT_SUPPORTED, NOT_SUPPORTED = 1, 5
HOSTBRIDGE, NODE = 30, 40
POWER_CAP, HW_THERMAL, IDLE = 0x4, 0x40, 0x1
CLOCKS_SET, SYNC_BOOST = 0x2, 0x10

Facts = Mapping[str, object]
Play = Callable[[Facts], Path]


def card(index: int, **changes: object) -> dict[str, object]:
    """A healthy RTX 4090 by itself in a x16 slot."""
    facts: dict[str, object] = {
        "name": "NVIDIA GeForce RTX 4090",
        "uuid": f"GPU-{index}a1b2c3d-0000-1111-2222-333344445555",
        "vbios": "95.02.18.80.5F",
        "pci": f"00000000:{index + 1:02X}:00.0",
        "total": 24564 * MIB,
        "used": 400 * MIB,
        "bar1": 32 * GIB,
        "pcie.generation": 1,
        "pcie.most_generation": 4,
        "pcie.width": 16,
        "pcie.most_width": 16,
        "power.limit": 450_000,
        "power.default": 450_000,
        "power.least": 150_000,
        "power.most": 600_000,
        "power.usage": 22_310,
        "energy": 1_000_000,
        "compute_mode": 0,
        "persistence": 1,
        "busy": 0,
        "temperature": 34,
        "reasons": IDLE,
        "clock.0": 2520,
        "clock.2": 10501,
        "pcie.sent": 1200,
        "pcie.received": 350_000,
    }
    facts |= {key.replace("__", "."): value for key, value in changes.items()}
    return {f"{index}.{key}": value for key, value in facts.items()}


def system(count: int) -> dict[str, object]:
    return {"driver": "570.86.10", "cuda": 12080, "count": count}


def path(topology: int, read: int, nvlink: int = NOT_SUPPORTED) -> dict[str, object]:
    """The path between cards 0 and 1, with a status for each kind of access."""
    access = {f"0-1.p2p.{kind}": read for kind in (0, 1, 3, 4)}
    return {"0-1.topology": topology, **access, "0-1.p2p.2": nvlink}


def _links(index: int, other: int) -> dict[str, object]:
    states = {f"{index}.nvlink.{link}": 1 for link in range(4)}
    return states | {
        f"{index}.nvlink.{link}.end": f"00000000:{other + 1:02X}:00.0" for link in range(4)
    }


TWO_4090: Facts = {
    **system(2),
    **card(0, pcie__width=8),
    **card(1, pcie__width=8),
    **path(HOSTBRIDGE, CHIPSET_NOT_SUPPORTED),
}
"""x8 each, and no peer-to-peer: the stock driver."""

_3090 = {
    "name": "NVIDIA GeForce RTX 3090",
    "total": 24576 * MIB,
    "bar1": 256 * MIB,
    "power__limit": 350_000,
    "power__default": 350_000,
    "power__least": 100_000,
    "power__most": 390_000,
}
TWO_3090: Facts = {
    **system(2),
    **card(0, **_3090),
    **card(1, **_3090),
    **path(NODE, 0, 0),
    **_links(0, 1),
    **_links(1, 0),
}
"""A NVLink bridge of four links."""

THROTTLED: Facts = {
    **system(1),
    **card(
        0,
        reasons=POWER_CAP | HW_THERMAL,
        temperature=88,
        busy=97,
        used=21 * GIB,
        power__limit=300_000,
        compute="4711:21474836480 4712:1048576",
        graphics="900:314572800 4711:0",
        compute_mode=3,
        persistence=0,
    ),
    "process.4711": "/home/anna/bin/python3 -m serve --key hidden",
    "process.900": "/usr/lib/xorg/Xorg",
}
"""Hot, capped, and somebody else's."""

FAILING: Facts = {
    **system(2),
    **card(0),
    "1.lost": 15,
    "fail nvmlDeviceGetVbiosVersion": 3,
    "fail nvmlDeviceGetMemoryInfo": 999,
    "fail nvmlDeviceGetUtilizationRates": 3,
    "fail nvmlDeviceGetComputeRunningProcesses_v3": 4,
    "fail nvmlSystemGetDriverVersion": 999,
}
"""A driver that refuses much, and a second card that has fallen off the bus."""

HANGING: Facts = {**system(1), **card(0), "hang nvmlDeviceGetMemoryInfo": 3600}
"""A driver that never answers one of the questions."""

NO_DRIVER: Facts = {"fail nvmlInitWithFlags": 9, "fail nvmlInit_v2": 9}


def without_energy(facts: Facts) -> Facts:
    """The same cards, of which a run does not wait to see what they draw idle."""
    return {key: value for key, value in facts.items() if not re.search(r"energy|usage", key)}


def put(script: Path, facts: Facts) -> None:
    """From now on the library plays this, also for processes that have it open: all at once."""
    new = script.with_suffix(".new")
    new.write_text("".join(f"{key} {value}\n" for key, value in facts.items()))
    new.replace(script)


def compiled(source: Path, library: Path) -> Path:
    """A library from a small C file. Raises FileNotFoundError without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError(f"no C compiler for the stand-in {library.name}")
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-format-truncation"]
    subprocess.run([*command, "-o", str(library), str(source)], check=True, timeout=60)
    return library


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    try:
        return compiled(SOURCE, tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def play(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Lets the library play a machine, for this process and those that it starts."""
    monkeypatch.setattr(pynvml, "nvmlLib", ctypes.CDLL(str(nvml_library)))
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    monkeypatch.setattr(cards, "LIBRARY", str(nvml_library))
    folders = [str(nvml_library.parent), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(folders))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    script = tmp_path / "nvml.txt"

    def played(facts: Facts) -> Path:
        put(script, facts)
        monkeypatch.setenv(SCRIPT, str(script))
        cards.close()
        return script

    yield played
    cards.close()
