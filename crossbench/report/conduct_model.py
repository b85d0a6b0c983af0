"""The protocol in the report: how it was carried out, what drifted, and what it left out."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from crossbench.analysis.drift import Drift
from crossbench.analysis.exclusion import Rule
from crossbench.plan.time import Budget, Span


class DriftReport(Struct, frozen=True, kw_only=True):
    """What the sentinel of one target says: its first scenario, measured again by each launch."""

    target: str
    drift: Drift


class RestReport(Struct, frozen=True, kw_only=True):
    """The rest before one launch."""

    launch: str
    seconds: float
    celsius: float | None
    """How hot the hottest device was at its end; None where nothing could tell."""


class ConductReport(Struct, frozen=True, kw_only=True):
    """How the protocol was carried out."""

    sentences: tuple[str, ...] = ()
    """The protocol in words."""
    burnt_in: tuple[str, ...] = ()
    """Launches that were made first and do not count."""
    excluded: Mapping[Rule, int] = {}
    """Rule -> timed samples that it left out."""
    drifts: tuple[DriftReport, ...] = ()
    rests: tuple[RestReport, ...] = ()
    """Of each launch that counts, where the protocol asks for any."""
    left_out: tuple[str, ...] = ()
    """What was planned and not measured for want of time, and why."""
    estimated: Span | None = None
    """How long it was expected to take, in seconds."""
    budget: Budget | None = None
    seconds: float = 0.0
    """How long the launches took, from the start of each worker to its end."""
