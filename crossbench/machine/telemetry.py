"""`telemetry.jsonl`: what probes read while a run ran, one event a line, in one process's order.

Times are `time.perf_counter_ns()` of that process, which on Linux and macOS is one clock for all
processes of a machine: the clock of samples' stamps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from crossbench.api import Channel
from crossbench.machine.model import Machine
from crossbench.machine.reading import Reading
from crossbench.worker.protocol import UNDECODABLE

TELEMETRY = "telemetry.jsonl"
LATEST_NS = 2**62
Stamp = Annotated[int, Meta(ge=0, le=LATEST_NS)]


class Probed(Struct, frozen=True, kw_only=True):
    """One probe: what it reads, or why it reads nothing."""

    name: str
    channels: tuple[Channel, ...] = ()
    absent: str | None = None


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """Sampling begins; the values of each tick are those of all channels, in this order."""

    at_ns: Stamp
    interval_s: float
    probes: tuple[Probed, ...]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Of all probes."""
        return tuple(channel for probe in self.probes for channel in probe.channels)


class Watched(Struct, frozen=True, kw_only=True, tag="watched"):
    """From here on the worker of this launch is read; None for none."""

    at_ns: Stamp
    launch: str | None


class Tick(Struct, frozen=True, kw_only=True, tag="tick"):
    """One reading of everything."""

    at_ns: Stamp
    took_ns: int
    """From the first read to the last, which lie as far apart."""
    values: tuple[float | None, ...]


class Seen(Struct, frozen=True, kw_only=True, tag="seen"):
    """The facts of the machine, before a worker is started and at the end."""

    at_ns: Stamp
    machine: Reading[Machine]


class Closed(Struct, frozen=True, kw_only=True, tag="closed"):
    """Sampling ended, and what it took of the machine since it was opened."""

    at_ns: Stamp
    ticks: int
    missed: int
    """Ticks that were due while one was still being read."""
    cpu_s: float
    wall_s: float

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.wall_s if self.wall_s else 0.0


Event: TypeAlias = Opened | Seen | Watched | Tick | Closed


def read(folder: Path, start: int = 0) -> Iterator[Event]:
    """The events of a run, from that byte of the file on.

    A torn line is left out, and without a file there are none.
    """
    file = folder / TELEMETRY
    if not file.exists():
        return
    decoder = msgspec.json.Decoder(Event)
    with file.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            if line.endswith(b"\n"):
                with suppress(*UNDECODABLE):
                    yield decoder.decode(line)
