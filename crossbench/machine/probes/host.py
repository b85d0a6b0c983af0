"""The host's memory and load."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from crossbench.api import Channel

UNSPENT = frozenset({"idle", "iowait", "guest", "guest_nice"})


class HostProbe:
    """What every system tells."""

    def __init__(self) -> None:
        self._wires = _wired() is not None

    def open(self) -> Sequence[Channel]:
        """Memory that is free to be taken, swap in use, and time of all cores that was not idle;
        on macOS memory that is wired, which a GPU's is while it is used."""
        wired = [Channel(device="host", quantity="memory_wired", unit="B", kind="gauge")]
        return [
            Channel(device="host", quantity="memory_available", unit="B", kind="gauge"),
            Channel(device="host", quantity="swap_used", unit="B", kind="gauge"),
            Channel(device="host", quantity="cpu_time", unit="s", kind="counter"),
            *(wired if self._wires else []),
        ]

    def read(self) -> Sequence[float | None]:
        """Now."""
        return [
            float(psutil.virtual_memory().available),
            float(psutil.swap_memory().used),
            _spent_s(),
            *([_wired()] if self._wires else []),
        ]

    def close(self) -> None:
        """Nothing is held."""


def _spent_s() -> float:
    """Whoever had it: users, niced ones too, the kernel, interrupts, a hypervisor's other guests.

    Linux counts guests' time within their users'.
    """
    told = psutil.cpu_times()._asdict()
    return float(sum(seconds for state, seconds in told.items() if state not in UNSPENT))


def _wired() -> float | None:
    """Told by macOS only."""
    found: int | None = getattr(psutil.virtual_memory(), "wired", None)
    return None if found is None else float(found)
