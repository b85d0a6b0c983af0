"""Which trials are made: all of them for `crossbench doctor --instrument`, a few for a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from crossbench.envs.progress import Progress
from crossbench.instrument.model import BIAS, MOST_STREAMS, Capacity, Figures, Script, Trial
from crossbench.instrument.scripts import (
    SHORT_S,
    SINGLE,
    STREAMS,
    USUAL_TPOT_S,
    flood,
    grid,
    script,
)
from crossbench.instrument.subject import subject
from crossbench.registry import Registry

TryOut: TypeAlias = Callable[[Script], Trial]
"""Makes a trial of a script."""
QUICK = (STREAMS[0], 64, MOST_STREAMS)
SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Of what comes through when chunks are always ready."""


def held(registry: Registry, progress: Progress, *, quick: bool) -> Figures:
    """The sitting of `crossbench doctor`: about 45 s, or 5 s. Raises what `subject` raises."""
    with subject(registry, progress) as worker:
        return short(worker.trial, QUICK) if quick else whole(worker.trial, progress)


def beside(registry: Registry, progress: Progress, streams: int) -> Figures:
    """The sitting of a run: requests one after the other, half a second, and where it asks for
    several at once also about as many as it asks for at most, 1 to 2 s more.

    Raises what `subject` raises.
    """
    with subject(registry, progress) as worker:
        alone = worker.trial(SINGLE)
        crowds = [min(streams, MOST_STREAMS)] if streams > 1 else []
        crowd = short(worker.trial, crowds)
    return replace(crowd, trials=(alone, *crowd.trials))


def whole(tried: TryOut, progress: Progress) -> Figures:
    """Every script, and the limit at each number of streams."""
    scripts, trials = list(grid()), []
    for number, each in enumerate(scripts, 1):
        trials.append(tried(each))
        progress.line(f"script {number} of {len(scripts)}")
    return Figures(trials=tuple(trials), capacities=_capacities(tried, STREAMS))


def short(tried: TryOut, streams: Sequence[int]) -> Figures:
    """A usual script and the limit, at each of these numbers of streams."""
    return Figures(
        trials=tuple(tried(script(each, USUAL_TPOT_S, SHORT_S)) for each in streams),
        capacities=_capacities(tried, streams),
    )


def _capacities(tried: TryOut, streams: Sequence[int]) -> tuple[Capacity, ...]:
    return tuple(capacity(tried, each) for each in streams)


def capacity(tried: TryOut, streams: int) -> Capacity:
    """The highest share of a flood, tried from above, that comes with a bias of at most `BIAS`."""
    most = tried(flood(streams)).tokens_per_s
    for share in SHARES:
        rate = most * share
        if abs(tried(script(streams, streams / rate, SHORT_S)).tpot.bias) <= BIAS:
            return Capacity(streams=streams, chunks_per_s=rate)
    return Capacity(streams=streams, chunks_per_s=0.0)
