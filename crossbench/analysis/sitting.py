"""What probes read while a run ran, as arrays, and which launch they read it of.

A run that was resumed was read by several processes in turn, whose clocks may differ by a restart
of the machine: every reading belongs to one sitting, and a launch to the one that watched it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossbench.api import Channel
from crossbench.machine.telemetry import (
    LATEST_NS,
    Closed,
    Event,
    Opened,
    Probed,
    Seen,
    Tick,
    Watched,
)

Floats = NDArray[np.float64]
Stamps = NDArray[np.int64]


@dataclass
class Sitting:
    """The readings of one sampling process, in order."""

    opened: Opened
    ticks: list[Tick] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    closed: Closed | None = None

    def __post_init__(self) -> None:
        self._arrays: tuple[Stamps, Floats] | None = None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Of all its probes."""
        return self.opened.channels

    @property
    def probes(self) -> tuple[Probed, ...]:
        """What was there to be read, and what was not."""
        return self.opened.probes

    @property
    def stamps(self) -> Stamps:
        """When each tick was read, in nanoseconds of its clock."""
        return self._read()[0]

    def values(self, place: int) -> Floats:
        """All readings of the channel in that place; NaN where there was none."""
        return self._read()[1][:, place]

    def _read(self) -> tuple[Stamps, Floats]:
        if self._arrays is None:
            width = len(self.channels)
            whole = [tick for tick in self.ticks if len(tick.values) == width]
            stamps = np.array([tick.at_ns for tick in whole], dtype=np.int64)
            values = np.array([tick.values for tick in whole], dtype=np.float64)
            self._arrays = stamps, values.reshape(len(whole), width)
        return self._arrays


@dataclass(frozen=True, kw_only=True)
class Stay:
    """The time for which one worker process was watched."""

    sitting: Sitting
    begin_ns: int
    end_ns: int

    def within(self, begin_ns: int | None = None, end_ns: int | None = None) -> slice:
        """Places of the ticks from `begin_ns` to `end_ns`, both cut to the stay."""
        begin = max(self.begin_ns, begin_ns if begin_ns is not None else self.begin_ns)
        end = min(self.end_ns, end_ns if end_ns is not None else self.end_ns)
        stamps = self.sitting.stamps
        first = position(stamps, begin, "left")
        return slice(first, max(first, position(stamps, end, "right")))


def position(stamps: Stamps, at_ns: int, side: Literal["left", "right"]) -> int:
    """How many of the stamps lie before that time; with "right", or are that time."""
    return int(np.searchsorted(stamps, min(max(at_ns, -LATEST_NS), LATEST_NS), side=side))


def sittings(events: Iterable[Event]) -> list[Sitting]:
    """The sittings of a run, in order."""
    found: list[Sitting] = []
    for event in events:
        if isinstance(event, Opened):
            found.append(Sitting(event))
        elif not found:
            continue  # the file was cut off before its first line was whole
        elif isinstance(event, Tick):
            ticks = found[-1].ticks
            if not ticks or ticks[-1].at_ns < event.at_ns:
                ticks.append(event)
        elif isinstance(event, Watched):
            found[-1].watched.append(event)
        elif isinstance(event, Seen):
            found[-1].seen.append(event)
        else:
            found[-1].closed = event
    return found


def stays(found: Iterable[Sitting]) -> Mapping[str, Stay]:
    """Worker process -> the time for which it was watched."""
    return {launch: stay for sitting in found for launch, stay in _stays(sitting)}


def _stays(sitting: Sitting) -> Iterator[tuple[str, Stay]]:
    for place, begun in enumerate(sitting.watched):
        if begun.launch is None:
            continue
        later = sitting.watched[place + 1 :]
        last = sitting.ticks[-1].at_ns if sitting.ticks else begun.at_ns
        end = later[0].at_ns if later else max(last, begun.at_ns)
        yield begun.launch, Stay(sitting=sitting, begin_ns=begun.at_ns, end_ns=end)
