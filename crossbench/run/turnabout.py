"""A quiet scenario and its disturbed one, measured in turn: quiet, disturbed, disturbed, quiet.

So a slow drift within the launch falls on both alike, as it does on targets over blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from crossbench.run.turns import Batch
from crossbench.suite.model import Scenario

Pass: TypeAlias = tuple[Scenario, Sequence[Batch]]
"""One repeat of a scenario, all that is asked in it."""


def together(scenarios: Sequence[Scenario]) -> Sequence[Scenario]:
    """The first of these, with its disturbed one where that is among them."""
    first = scenarios[0]
    return (first, *(other for other in scenarios if other.quiet == first.name))


def in_turn(cells: Sequence[tuple[Scenario, Sequence[Batch]]], *, block: int) -> Iterator[Pass]:
    """Warm-ups of each first, then pass by pass, every second one in reverse order; of every second
    block the other way round."""
    passes = [
        (scenario, [*batches])
        for scenario, every in cells
        for _, batches in groupby(every, lambda batch: (batch.role, batch.repeat))
    ]
    yield from (each for each in passes if each[1][0].role == "warmup")
    timed = [each for each in passes if each[1][0].role != "warmup"]
    for place, repeat in enumerate(sorted({batches[0].repeat for _, batches in timed})):
        turn = [each for each in timed if each[1][0].repeat == repeat]
        yield from turn if (place + block) % 2 == 0 else reversed(turn)
