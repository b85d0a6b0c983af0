"""A quiet scenario and its disturbed one, measured in turn: quiet, disturbed, disturbed, quiet.

So a slow drift within the launch falls on both alike, as it does on targets over blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from crossbench.run.turns import Batch
from crossbench.suite.model import Scenario

Asked: TypeAlias = tuple[Scenario, Batch]


def together(scenarios: Sequence[Scenario]) -> Sequence[Scenario]:
    """The first of these, with its disturbed one where that is among them."""
    first = scenarios[0]
    return (first, *(other for other in scenarios if other.quiet == first.name))


def in_turn(cells: Sequence[tuple[Scenario, Sequence[Batch]]], *, block: int) -> Iterator[Asked]:
    """Warm-ups of each first, then pass by pass, every second one in reverse order; of every second
    block the other way round."""
    for scenario, batches in cells:
        yield from ((scenario, batch) for batch in batches if batch.role == "warmup")
    passes = [
        (repeat, scenario, list(batches))
        for scenario, every in cells
        for repeat, batches in groupby(
            (batch for batch in every if batch.role != "warmup"), lambda batch: batch.repeat
        )
    ]
    for place, repeat in enumerate(sorted({repeat for repeat, _, _ in passes})):
        turn = [(scenario, batches) for number, scenario, batches in passes if number == repeat]
        for scenario, batches in turn if (place + block) % 2 == 0 else reversed(turn):
            yield from ((scenario, batch) for batch in batches)
