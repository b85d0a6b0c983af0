"""What a machine is doing, or set to, that a measurement would show and nobody would see.

`crossbench doctor` tells all of it, a plan what concerns its targets.
"""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.lint import card_paths, cards, host
from crossbench.lint.condition import Condition, Rule
from crossbench.machine.model import Machine

RULES: tuple[Rule, ...] = (
    cards.busy,
    cards.lost,
    cards.held_back,
    cards.power_limit,
    cards.clocks_set,
    card_paths.narrow_link,
    card_paths.peer_to_peer,
    card_paths.nvlink,
    card_paths.resizable_bar,
    card_paths.numa,
    cards.ecc,
    cards.driver_silent,
    cards.compute_mode,
    cards.persistence,
    host.governor,
    host.energy_hidden,
    host.low_power,
    host.swapped,
)


def conditions(machine: Machine) -> Iterator[Condition]:
    """All that is found."""
    for rule in RULES:
        yield from rule(machine)
