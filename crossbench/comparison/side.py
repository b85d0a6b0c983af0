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
        for metric in self.metrics:
            if metric.name == name:
                return metric
        return None

    def launches(self, name: str) -> Mapping[str, float]:
        """Launch -> its value of that metric; empty where there is none."""
        metric = self.metric(name)
        return metric.launches if metric else {}

    def by_block(self, name: str) -> Mapping[int, float]:
        """Block -> value of the launch that stands in it."""
        return {self.blocks[launch]: value for launch, value in self.launches(name).items()}
