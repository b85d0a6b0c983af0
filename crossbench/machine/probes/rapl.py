"""Energy of each processor package, by the kernel's power capping framework (intel-rapl).

Documentation/power/powercap of the kernel; AMD's processors are told under the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crossbench.api import Channel, ProbeAbsent

FOLDER = Path("sys/class/powercap")
MICRO = 1e-6
PACKAGE = "package"
ABSENT = "the kernel shows no intel-rapl, as in most virtual machines"


class RaplProbe:
    """Packages only: what lies inside one, such as its cores, is counted in it."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._files: list[Path] = []

    def open(self) -> Sequence[Channel]:
        """One channel a package. Raises ProbeAbsent, as where only root may read."""
        zones = packages(self._root)
        if not zones:
            raise ProbeAbsent(ABSENT)
        channels = []
        for zone in zones:
            file = zone / "energy_uj"
            if _microjoules(file) is None:
                raise ProbeAbsent(f"the kernel lets only root read the energy of {zone.name}")
            most = _microjoules(zone / "max_energy_range_uj")
            self._files.append(file)
            channels.append(
                Channel(
                    device=_name(zone),
                    quantity="energy",
                    unit="J",
                    kind="counter",
                    wraps_at=most * MICRO if most else None,
                    scope="cpu_package",
                )
            )
        return channels

    def read(self) -> Sequence[float | None]:
        """The counters now."""
        found = [_microjoules(file) for file in self._files]
        return [None if each is None else each * MICRO for each in found]

    def close(self) -> None:
        """Nothing is held."""


def packages(root: Path) -> list[Path]:
    """The folder of each processor package; `psys`, beside them, is the whole platform."""
    zones = sorted((root / FOLDER).glob("intel-rapl:[0-9]*"))
    tops = [zone for zone in zones if zone.name.count(":") == 1]
    return [zone for zone in tops if _name(zone).startswith(PACKAGE)]


def readable(root: Path) -> bool:
    """Whether this user may read the energy of all of them."""
    return all(_microjoules(zone / "energy_uj") is not None for zone in packages(root))


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return zone.name


def _microjoules(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
