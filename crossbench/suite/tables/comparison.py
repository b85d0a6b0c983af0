"""What a suite says of its comparison: what its targets differ in on purpose."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from crossbench.suite.tables.values import Filled, Table

Axis: TypeAlias = Literal[
    "artifact",
    "boundary",
    "cache",
    "context",
    "engine",
    "kv",
    "link",
    "machine",
    "options",
    "parallelism",
    "power",
    "sampling",
    "speculative",
    "threads",
    "weights",
]
"""What two cells may differ in on purpose."""
USUAL_AXIS: tuple[Axis, ...] = ("engine", "artifact")


class ComparisonTable(Table, frozen=True, kw_only=True):
    """What is compared with what; any difference besides is named beside each ratio."""

    axis: Annotated[
        Filled[Axis],
        Meta(
            description="What targets differ in on purpose. Other differences are named as "
            "confounders, and where they mislead the ratio is refused."
        ),
    ] = field(default_factory=lambda: list(USUAL_AXIS))
    baseline: Annotated[
        str | None,
        Meta(description="The target that the others are held against; else the first measured."),
    ] = None
