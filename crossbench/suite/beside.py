"""Backgrounds: what works beside a scenario on purpose, and what is wrong with how it is written.

A scenario with a background makes two, the same but for what runs beside them: `-quiet` and
`-disturbed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crossbench.suite.expand import DISTURBED, QUIET, Variant
from crossbench.suite.model import Background, Scenario, Target
from crossbench.suite.positions import KeyPath
from crossbench.suite.tables.scenario import BackgroundTable, ScenarioTable
from crossbench.suite.tables.target import TargetNeeds
from crossbench.suite.validate import Fault
from crossbench.suite.words import quoted

SETTLE_S = 1.0


def quiet_of(variant: Variant) -> str:
    """Name of the scenario that is this disturbed one without its background."""
    return _without(variant.name, variant.base, f"-{QUIET}")


def plain_name(disturbed: Scenario) -> str:
    """Name of a disturbed scenario without the word that says so."""
    return _without(disturbed.name, disturbed.base, "")


def _without(name: str, base: str, instead: str) -> str:
    return base + name.removeprefix(base).replace(f"-{DISTURBED}", instead, 1)


def background(table: BackgroundTable, targets: Sequence[Target]) -> Background:
    """A background that has no fault."""
    if table.target is None:
        return Background(
            command=tuple(table.command or ()),
            needs=table.needs or TargetNeeds(),
            settle_s=SETTLE_S if table.settle_s is None else table.settle_s,
        )
    needs = next(target.needs for target in targets if target.name == table.target)
    return Background(target=table.target, scenario=table.scenario, needs=needs)


def background_faults(tables: Mapping[KeyPath, ScenarioTable]) -> Iterator[Fault]:
    """Keys that exclude one another, or stand without what they belong to."""
    for at, table in tables.items():
        if table.background is not None:
            yield from _faults((*at, "background"), table.background)


def _faults(at: KeyPath, table: BackgroundTable) -> Iterator[Fault]:
    if (table.target is None) == (table.command is None):
        found = "a target and a command" if table.command else "neither a target nor a command"
        allowed = "expected either a target with its scenario, or a command"
        yield Fault(at, f"found {found}", allowed)
    elif table.command is None:
        if table.scenario is None:
            yield Fault((*at, "scenario"), "missing", "expected what the target serves meanwhile")
        for key in ("needs", "settle_s"):
            if getattr(table, key) is not None:
                yield Fault((*at, key), f"found {key} of a target", "expected it with a command")
    elif table.scenario is not None:
        found = "found a scenario of a command"
        yield Fault((*at, "scenario"), found, "expected it with a target")


def named_faults(
    tables: Mapping[KeyPath, ScenarioTable],
    targets: Sequence[Target],
    scenarios: Sequence[Variant],
) -> Iterator[Fault]:
    """Targets and scenarios that the suite does not have, or that cannot be a background."""
    known = {target.name: target for target in targets}
    served = {variant.name: tables[variant.at] for variant in scenarios}
    plain = sorted(name for name, table in served.items() if table.background is None)
    for at, table in tables.items():
        asked = table.background
        if asked is None or asked.target is None or asked.scenario is None:
            continue
        place = (*at, "background", "target")
        if asked.target not in known:
            allowed = f"expected one of {', '.join(sorted(known))}"
            yield Fault(place, f"found {quoted(asked.target)}", allowed)
        elif known[asked.target].replicas > 1:
            found = f"found a target of {known[asked.target].replicas} replicas"
            yield Fault(place, found, "expected one without replicas")
        place = (*at, "background", "scenario")
        if asked.scenario not in plain:
            allowed = ", ".join(plain) or "there is none"
            found = f"found {quoted(asked.scenario)}"
            yield Fault(place, found, f"expected a scenario without a background: {allowed}")
        elif served[asked.scenario].rate is not None:
            found = f"found {quoted(asked.scenario)}, whose requests arrive at a rate"
            yield Fault(place, found, "expected one of users, or of one request at a time")
