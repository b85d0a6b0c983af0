"""Whether a cell asked more of the instrument than it carries on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct

from crossbench.analysis.passes import Pass
from crossbench.analysis.sample import NS
from crossbench.api import Boundary
from crossbench.instrument.model import BIAS, MOST_STREAMS, Capacity, Figures

LATE = 0.5
"""A stamp that is late by more than so much of the time from chunk to chunk may stand nearer to the
next one than to its own; percentiles of gaps are then the event loop's, and not the engine's."""

UNKNOWN = (
    "what the instrument carries is not known for HTTP: its limit was measured in process, and a "
    "server's client has work of its own"
)


class Demand(Struct, frozen=True, kw_only=True):
    """What a pass under load asked of each worker that served it."""

    streams: int
    """Requests that were in flight at once, at most."""
    chunks_per_s: float
    """Of all streams, while they came."""
    gap_s: float | None
    """Mean time from chunk to chunk of a stream; None where none had two."""
    lag_p99_s: float | None
    """Of the event loop; None where the worker did not tell, and of an engine that computes on the
    loop's own thread: the loop is then late by the engine's steps, which are no fault of its."""


def late(demand: Demand) -> str | None:
    """Why stamps may stand nearer to another chunk than to their own, or None."""
    lag_s, gap_s = demand.lag_p99_s, demand.gap_s
    if lag_s is None or gap_s is None or lag_s <= LATE * gap_s:
        return None
    return (
        f"its event loop came {1e3 * lag_s:.3g} ms late (99th percentile), more than half of "
        f"the {1e3 * gap_s:.3g} ms from chunk to chunk"
    )


def exceeds(figures: Figures | None, demand: Demand) -> str | None:
    """Why the instrument may have been the slower part in process, or None.

    Without `figures` (the run did not measure its instrument) the lag alone is judged.
    """
    if told := late(demand):
        return told
    if demand.streams > MOST_STREAMS:
        return (
            f"{demand.streams} requests were in flight at once; what the instrument carries is "
            f"known up to {MOST_STREAMS}"
        )
    limit = _nearest(figures, demand.streams)
    if limit is None or demand.chunks_per_s <= limit.chunks_per_s:
        return None
    return (
        f"{demand.chunks_per_s:,.0f} chunks came a second; with {limit.streams} streams the "
        f"instrument carries {limit.chunks_per_s:,.0f} here at a bias of at most {BIAS:.0%}"
    ).replace("%", " %")


def _nearest(figures: Figures | None, streams: int) -> Capacity | None:
    """The limit that was found with at least so many streams, or with the most."""
    known = sorted(figures.capacities, key=lambda each: each.streams) if figures else []
    return next((each for each in known if each.streams >= streams), known[-1] if known else None)


def overloaded(figures: Figures | None, passes: Iterable[Pass], boundary: Boundary) -> str | None:
    """The reason that the usual pass of a cell gives, of those that count: a machine may hold up a
    single one. Over HTTP nothing but a late event loop can be told."""
    demands = [demand(each, boundary) for each in passes if each.fault is None and each.valid]
    if not demands:
        return None
    if boundary is Boundary.HTTP:
        return late(usual(demands)) or UNKNOWN
    return exceeds(figures, usual(demands))


def usual(demands: Sequence[Demand]) -> Demand:
    """The median of each quantity, of one demand or more."""
    return Demand(
        streams=max(each.streams for each in demands),
        chunks_per_s=median(each.chunks_per_s for each in demands),
        gap_s=_median([each.gap_s for each in demands]),
        lag_p99_s=_median([each.lag_p99_s for each in demands]),
    )


def _median(values: Sequence[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def demand(taken: Pass, boundary: Boundary) -> Demand:
    """What one pass with a valid request asked for; replicas have an even share of it each."""
    valid = taken.valid
    apart = boundary is not Boundary.LIBRARY
    strain = taken.taken.strain if taken.taken and apart else None
    replicas = len({sample.replica for sample in taken.samples})
    gaps = sum(sample.chunks - 1 for sample in valid)
    span = (max(taken.stamps) - min(taken.stamps)) / NS
    return Demand(
        streams=-(-_most_at_once(taken) // replicas),
        chunks_per_s=len(taken.stamps) / span / replicas if span else 0.0,
        gap_s=sum(sample.decode_s for sample in valid) / gaps if gaps else None,
        lag_p99_s=strain.lag_p99_ns / NS if strain else None,
    )


def _most_at_once(taken: Pass) -> int:
    """Requests in flight together; one that ends as another begins is not beside it."""
    begun = [(sample.t0_ns, 1) for sample in taken.samples]
    ended = [(sample.end_ns, -1) for sample in taken.samples]
    most = now = 0
    for _, change in sorted(begun + ended):
        now += change
        most = max(most, now)
    return most
