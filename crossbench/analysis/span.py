"""The time of a worker's timed samples, and what was read meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from msgspec import Struct

from crossbench.analysis.samples import Measurements
from crossbench.analysis.sitting import Stay

NS = 1e9


class Span(Struct, frozen=True):
    """One worker's timed samples, from the first to the last, and what was read meanwhile."""

    stay: Stay
    begin_ns: int
    end_ns: int

    def read(self, name: str, quantity: str) -> list[float]:
        """The readings of a channel; empty where there is none."""
        for place, channel in enumerate(self.stay.sitting.channels):
            if (channel.device, channel.quantity) == (name, quantity):
                values = self.stay.sitting.values(place)[self.stay.within(*self._ends)]
                return [value for value in values.tolist() if not isnan(value)]
        return []

    @property
    def _ends(self) -> tuple[int, int]:
        return self.begin_ns, self.end_ns

    def seconds(self) -> float:
        """From the first reading to the last."""
        stamps = self.stay.sitting.stamps[self.stay.within(*self._ends)]
        return float(stamps[-1] - stamps[0]) / NS if len(stamps) else 0.0


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
