"""One cell as a comparison sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from crossbench.analysis.metric import Metric
from crossbench.comparison.invariant import Invariant


class Side(Struct, frozen=True, kw_only=True):
    """A target on a scenario: what was measured, and what it was measured on."""

    target: str
    """As the reader knows it."""
    backend: str
    options: Mapping[str, Any]
    invariants: tuple[Invariant, ...]
    metrics: tuple[Metric, ...]
    blocks: Mapping[str, int]
    """Launch -> the block it stands in."""
    levelled: Mapping[str, Mapping[int, float]] = {}
    """Metric -> block -> value without the drift of its run, for pairs within that run."""

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None where this cell has no such metric."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def by_block(self, name: str) -> Mapping[int, float]:
        """Block -> value of the launch that stands in it."""
        metric = self.metric(name)
        launches = metric.launches if metric else {}
        return {self.blocks[launch]: value for launch, value in launches.items()}
