"""The time of a worker's timed samples, and what was read meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from msgspec import Struct

from crossbench.analysis.measurements import Measurements
from crossbench.analysis.sitting import Stay

NS = 1e9


class Span(Struct, frozen=True):
    """One worker's timed samples, from the first to the last, and what was read meanwhile."""

    stay: Stay
    begin_ns: int
    end_ns: int

    def read(self, name: str, quantity: str) -> list[float]:
        """The readings of a channel; empty where there is none."""
        return [value for value in self._column(name, quantity) if not isnan(value)]

    def knows(self, name: str, quantity: str) -> bool:
        """Whether some probe was to read that channel."""
        channels = self.stay.sitting.channels
        return any((each.device, each.quantity) == (name, quantity) for each in channels)

    def together(
        self, one: tuple[str, str], other: tuple[str, str]
    ) -> list[tuple[float, float, float]]:
        """The readings in which both channels told: seconds, and the value of each."""
        if not (self.knows(*one) and self.knows(*other)):
            return []
        rows = zip(self.stamps_s, self._column(*one), self._column(*other), strict=True)
        return [row for row in rows if not any(map(isnan, row))]

    @property
    def stamps_s(self) -> list[float]:
        """When the readings were made, in seconds of the worker's clock."""
        stamps = self.stay.sitting.stamps[self.stay.within(self.begin_ns, self.end_ns)]
        return [float(stamp) / NS for stamp in stamps]

    @property
    def stopped(self) -> bool:
        """Whether the last reading of all was before it."""
        stamps = self.stay.sitting.stamps
        return not len(stamps) or bool(stamps[-1] < self.begin_ns)

    def _column(self, name: str, quantity: str) -> list[float]:
        for place, channel in enumerate(self.stay.sitting.channels):
            if (channel.device, channel.quantity) == (name, quantity):
                within = self.stay.within(self.begin_ns, self.end_ns)
                column: list[float] = self.stay.sitting.values(place)[within].tolist()
                return column
        return []


def spans(measured: Measurements, watched: Mapping[str, Stay]) -> Mapping[str, Span]:
    """Worker -> the time of its timed samples, where it was watched."""
    ends: dict[str, tuple[int, int]] = {}
    for cell in measured.cells.values():
        for sample in cell.valid:
            begin, end = sample.t0_ns, sample.t0_ns + int(sample.e2e_s * NS)
            before = ends.get(sample.worker, (begin, end))
            ends[sample.worker] = min(before[0], begin), max(before[1], end)
    return {
        worker: Span(watched[worker], *both) for worker, both in ends.items() if worker in watched
    }
