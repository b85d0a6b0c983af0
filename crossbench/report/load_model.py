"""Load in the report: the levels of each scenario under load, target by target.

A level's numbers are not here: they are the metrics of its cell, and `crossbench.report.loads`
finds them. Throughput against the speed of a single user is one `curve(report, target)` away.
"""

from __future__ import annotations

from msgspec import Struct

from crossbench.suite.tables.scenario import Arrivals, Slo


class LevelReport(Struct, frozen=True, kw_only=True):
    """One target at one level."""

    scenario: str
    """With its level: where the cell is found."""
    level: float
    """Users at once, or requests per second."""
    words: str
    """The same, such as "4 users"."""
    launches: int
    """Launches with a pass that counts."""
    requests: int
    """Of the passes that count."""
    failed: int
    """Those among them that were not answered as asked."""
    failure: str | None = None
    """What it failed of in some launch, where no later try made up for that."""
    met: bool | None = None
    """Whether it meets the SLO: True or False where the interval of its share of requests says so,
    False where the level failed; None where that is open, or the suite has no SLO."""
    left_out: int = 0
    """Launches that did not measure it, as a lower level had missed the SLO."""


class CurveReport(Struct, frozen=True, kw_only=True):
    """One target over the levels of a load."""

    target: str
    levels: tuple[LevelReport, ...]
    """Ascending; those that some launch tried to measure."""
    highest: float | None = None
    """The highest level that meets the SLO, with none below it that speaks against it; None for
    none, or without an SLO."""
    verdict: str | None = None
    """What that means, in words; None where the suite has no SLO."""


class LoadReport(Struct, frozen=True, kw_only=True):
    """One scenario under load."""

    name: str
    """The scenario without its level."""
    arrivals: Arrivals | None
    """How requests of an open loop come; None for a closed loop."""
    requests: tuple[int, ...]
    """Of each repeat, at each level that was planned."""
    room: int | None
    """Requests of an open loop that engines were to make room for."""
    slo: Slo | None
    attainment: float
    """Share of a level's requests that must meet the SLO for the level to meet it."""
    find: bool
    curves: tuple[CurveReport, ...]
