"""Matrices unrolled: a list where a scalar is meant makes one target or scenario for each value.

Order is as written and the last key varies fastest. A key with one value gives no part of a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from msgspec import Struct

from crossbench.suite.names import artifact_slug, slug
from crossbench.suite.positions import KeyPath
from crossbench.suite.tables.scenario import ScenarioTable
from crossbench.suite.tables.target import TargetTable
from crossbench.suite.validate import Fault

QUIET, DISTURBED = "quiet", "disturbed"
MAX_VARIANTS = 1000
"""Variants that one table may make."""


class Axis(Struct, frozen=True, kw_only=True):
    """One key and the values it takes."""

    at: KeyPath
    values: Sequence[Any]
    slug: Callable[[Any], str] = slug


class Grid(Struct, frozen=True, kw_only=True):
    """One table of the suite, its name and all its axes."""

    at: KeyPath
    name_at: KeyPath
    base: str
    axes: Sequence[Axis]


class Variant(Struct, frozen=True, kw_only=True):
    """One combination of a grid: its name, and a value for each axis in their order."""

    at: KeyPath
    name_at: KeyPath
    base: str
    name: str
    values: tuple[Any, ...]


def target_grid(at: KeyPath, table: TargetTable) -> Grid:
    """Axes: the artifact, replicas, then the matrix in the order written."""
    artifacts = Axis(at=(*at, "artifact"), values=listed(table.artifact), slug=artifact_slug)
    replicas = Axis(at=(*at, "replicas"), values=listed(table.replicas), slug=times)
    options = [Axis(at=(*at, "matrix", key), values=values) for key, values in table.matrix.items()]
    return Grid(at=at, name_at=at, base=str(at[-1]), axes=[artifacts, replicas, *options])


def scenario_grid(at: KeyPath, table: ScenarioTable) -> Grid:
    """Axes: prompt length (one None where prompts are written), output length, whether a background
    disturbs it, then the level of load, ascending whatever the order written."""
    lengths = (("prompt_tokens", table.prompt_tokens), ("output_tokens", table.output_tokens))
    axes = [Axis(at=(*at, key), values=listed(value)) for key, value in lengths]
    beside = [False] if table.background is None else [False, True]
    axes += [
        Axis(at=(*at, "background"), values=beside, slug=quietness),
        Axis(at=(*at, "concurrency"), values=_ascending(table.concurrency), slug=users),
        Axis(at=(*at, "rate"), values=_ascending(table.rate), slug=a_second),
    ]
    return Grid(at=at, name_at=(*at, "name"), base=table.name, axes=axes)


def _ascending(levels: float | Sequence[float] | None) -> Sequence[float | None]:
    return sorted(levels) if isinstance(levels, Sequence) else [levels]


def quietness(disturbed: bool) -> str:
    """Whether a background works beside it, as a part of a name."""
    return DISTURBED if disturbed else QUIET


def times(replicas: int) -> str:
    """So many replicas as the end of a name: `x2`."""
    return f"x{slug(replicas)}"


def users(concurrency: int) -> str:
    """A level of a closed loop as the end of a name: `c4`."""
    return f"c{slug(concurrency)}"


def a_second(rate: float) -> str:
    """A level of an open loop as the end of a name: `r2.0`."""
    return f"r{slug(rate)}"


def unroll(grids: Iterable[Grid]) -> tuple[list[Variant], list[Fault]]:
    """Every combination of every grid, and what keeps a grid from being unrolled."""
    variants: list[Variant] = []
    faults: list[Fault] = []
    for grid in grids:
        wrong = list(_grid_faults(grid))
        faults += wrong
        variants += [] if wrong else _variants(grid)
    return variants, faults


def option_faults(tables: Mapping[KeyPath, TargetTable]) -> Iterator[Fault]:
    """Options that are given twice, as one value and as a matrix."""
    for at, table in tables.items():
        for key in table.matrix:
            if key in table.options:
                found = "found an option that options gives too"
                yield Fault((*at, "matrix", key), found, "expected it in either options or matrix")


def _variants(grid: Grid) -> Iterator[Variant]:
    for values in product(*(axis.values for axis in grid.axes)):
        pairs = zip(grid.axes, values, strict=True)
        slugs = [axis.slug(value) for axis, value in pairs if len(axis.values) > 1]
        name = "-".join([grid.base, *slugs])
        yield Variant(at=grid.at, name_at=grid.name_at, base=grid.base, name=name, values=values)


def _grid_faults(grid: Grid) -> Iterator[Fault]:
    count = prod(len(axis.values) for axis in grid.axes)
    if count > MAX_VARIANTS:
        yield Fault(grid.at, f"found {count} combinations", f"expected at most {MAX_VARIANTS}")
    for axis in grid.axes:
        for index, value in enumerate(axis.values):
            if len(axis.values) > 1 and not axis.slug(value):
                yield Fault(
                    (*axis.at, index),
                    "found a value that cannot be part of a name",
                    "expected a text with letters or digits, a number, true or false, "
                    "or a list of these",
                )


def listed(value: Any) -> Sequence[Any]:
    """The values of a key that may be a scalar or a matrix."""
    return value if isinstance(value, list) else [value]
