"""The launches of a plan, in the order in which they stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crossbench.plan.model import BURN_IN, SCORING, Launch


def interleaved(blocks: int, cells: Mapping[str, Sequence[str]]) -> tuple[Launch, ...]:
    """Blocks of one launch per target, every second block in reverse order.

    So heat and slow drift fall on all targets alike: over A B, B A a linear drift cancels.
    """
    order = [target for target, scenarios in cells.items() if scenarios]
    return tuple(
        Launch(
            id=f"b{block + 1}-{target}",
            block=block,
            target=target,
            scenarios=tuple(cells[target]),
        )
        for block in range(blocks)
        for target in (order if block % 2 == 0 else reversed(order))
    )


def burn_in(cells: Mapping[str, Sequence[str]]) -> tuple[Launch, ...]:
    """One launch of each target, of as much work as those that count."""
    return tuple(
        Launch(id=f"b0-{target}", block=BURN_IN, target=target, scenarios=tuple(scenarios))
        for target, scenarios in cells.items()
        if scenarios
    )


def scoring(targets: Sequence[str]) -> tuple[Launch, ...]:
    """One launch of each target, of no scenario."""
    return tuple(
        Launch(id=f"q-{target}", block=SCORING, target=target, scenarios=()) for target in targets
    )
