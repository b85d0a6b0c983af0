"""The steady window of a pass under load: the part of it in which the load is what its level says.

A closed loop is steady from when all of its users have a request with the engine until one of them
has no next. An open loop is steady from its first answer, when work is in every stage of the
engine, until its last arrival, after which nothing more comes. A window that holds too few requests
says more of how it began than of the level.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from crossbench.analysis.passes import Pass
from crossbench.analysis.sample import NS, Sample
from crossbench.suite.model import Load
from crossbench.suite.shape import STEADY


class Window(Struct, frozen=True):
    """Between two times of the worker's clock, in nanoseconds."""

    begin_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length; below zero for one that never was."""
        return (self.end_ns - self.begin_ns) / NS

    def holds(self, at_ns: int) -> bool:
        """Whether it happened in it; what happens as it begins belongs to what was before."""
        return self.begin_ns < at_ns <= self.end_ns


def steady(taken: Pass, load: Load) -> Window | None:
    """The steady window of a pass; None where it is too short to tell anything of its level."""
    window = _open(taken) if load.rate is not None else _closed(taken.samples, load.streams)
    if window is None or window.seconds <= 0:
        return None
    ended = sum(window.holds(sample.end_ns) for sample in taken.valid)
    streams = load.streams if load.rate is None else max(1.0, in_flight(taken.samples, window))
    return window if ended >= STEADY * streams else None


def tokens_in(taken: Pass, window: Window) -> float:
    """Tokens that came within it, of requests that were answered as asked."""
    stamps = np.frombuffer(taken.stamps, dtype=np.int64)
    tokens = np.frombuffer(taken.tokens, dtype=np.float64)
    inside = (stamps > window.begin_ns) & (stamps <= window.end_ns)
    return float(tokens[inside].sum())


def in_flight(samples: Iterable[Sample], window: Window) -> float:
    """Requests that were with the engine at once, on average over the window."""
    busy_ns = sum(
        max(0, min(sample.end_ns, window.end_ns) - max(sample.t0_ns, window.begin_ns))
        for sample in samples
    )
    return busy_ns / NS / window.seconds


def _open(taken: Pass) -> Window | None:
    ends = [sample.end_ns for sample in taken.valid]
    last = max(sample.t0_ns for sample in taken.samples)
    return Window(min(ends), last) if ends else None


def _closed(samples: Sequence[Sample], streams: int) -> Window | None:
    """Each replica has streams of its own: all of them are busy while those of each are."""
    groups: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.replica].append(sample)
    parts = [
        _busy(groups[replica], len(range(place, streams, len(groups))))
        for place, replica in enumerate(sorted(groups))
    ]
    begins, ends = (
        [each.begin_ns for each in parts if each],
        [each.end_ns for each in parts if each],
    )
    return Window(max(begins), min(ends)) if len(begins) == len(parts) else None


def _busy(samples: Sequence[Sample], streams: int) -> Window | None:
    """From the first request of the last stream to begin, to the first end after the last begin."""
    begins = sorted(sample.t0_ns for sample in samples)
    ends = [sample.end_ns for sample in samples if sample.end_ns > begins[-1]]
    if not 0 < streams <= len(begins) or not ends:
        return None
    return Window(begins[streams - 1], min(ends))
