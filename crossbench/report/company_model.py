"""Replicas and backgrounds in the report: how throughput scales, and what works beside costs."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from crossbench.analysis.metric import Metric
from crossbench.comparison.compare import Comparison
from crossbench.places.placement import Place
from crossbench.statistics.ratio import Ratio


class ScalingRow(Struct, frozen=True, kw_only=True):
    """One target at one level, beside the target it is held against."""

    target: str
    scenario: str
    """With its level: where the cell is found."""
    level: str
    """Such as "4 users"."""
    arrangement: str
    """How it shares its devices, such as "2 replicas" or "tensor split over 2"."""
    devices: int | None
    """How many it is held to in all; None where it is held to none, or does not tell."""
    throughput: Metric
    speedup: Ratio | None = None
    """Its throughput over the baseline's; None for the baseline itself, and without one."""
    efficiency: Ratio | None = None
    """The same over how many times the baseline's devices it has: 1 where nothing is lost."""
    withheld: str | None = None
    """Why there is no efficiency."""


class Scaling(Struct, frozen=True, kw_only=True):
    """Targets of one engine and artifact that share devices in different ways, under one load."""

    load: str
    """The scenario without its level."""
    unit: str
    """What is counted as a device: "processor" or "CUDA device"."""
    baseline: str | None
    """The target on the fewest devices, in one replica; None where no such was measured."""
    rows: tuple[ScalingRow, ...]
    """Level by level."""
    best: tuple[ScalingRow, ...]
    """Each target at the level where it gives most."""
    places: Mapping[str, tuple[Place, ...]]
    """Target -> what each of its replicas was held to; empty for nothing."""


class Interference(Struct, frozen=True, kw_only=True):
    """One target on one scenario, alone and beside a background."""

    target: str
    scenario: str
    """By its name without the part that tells the two apart."""
    quiet: str
    """The scenario with nothing beside it."""
    disturbed: str
    """The same with the background."""
    background: str
    """In words: a target on a scenario, or a command."""
    places: tuple[Place, ...]
    """What each worker of the target was held to."""
    beside: Place | None
    """Where the background worked; None where it never did."""
    comparison: Comparison | None
    """Beside it over alone; None where it is withheld."""
    progress: Metric | None
    """What the background did meanwhile: tokens per second, or processors kept busy."""
    withheld: str | None = None
