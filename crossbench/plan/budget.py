"""Fitting a plan into a time: what is left out, in an order that keeps the comparison honest.

First what is repeated for its energy alone; then repeats, which say least; then launches, evenly
and down to four, as an interval needs that many; then whole scenarios from the last; then the
sentinel, the scoring and the burn-in. Launches go below four, and repeats below two, only when
nothing else helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.plan.energy import energy_span
from crossbench.plan.estimate import estimated
from crossbench.plan.model import Exclusion, Plan
from crossbench.plan.time import Budget, Pace

LEAST_REPEATS = 2
LEAST_LAUNCHES = 4
"""Fewer give no interval that could tell targets apart."""
REASON = "left out to keep within the budget of time"
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
NUMBER = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)"
WRITTEN = re.compile("".join(f"(?:{NUMBER}{unit})?" for unit in UNITS))

Step = Callable[[Plan], tuple[Plan, str, str] | None]
"""A plan that takes less, what was changed, and how; None where there is no more of it to cut."""


def seconds(written: str) -> float:
    """`30m`, `1h30m` or `90s` in seconds. Raises InputError."""
    found = WRITTEN.fullmatch(written.strip().lower())
    parts = found.groups() if found else ()
    told = sum(float(p) * u for p, u in zip(parts, UNITS.values(), strict=False) if p)
    if told <= 0:
        raise InputError(
            f"--budget {written}: found no duration above zero; write hours, minutes and seconds, "
            "such as 30m, 1h30m or 90s"
        )
    return told


def within(plan: Plan, paces: Mapping[str, Pace], budget_s: float) -> Plan:
    """The plan, cut until the upper end of its estimate lies within the budget, or to the least.

    The upper end of a guess is many times what is likely, and would leave nothing to compare: of
    targets that were not measured yet the middle counts, and blocks that then do not fit are left
    out while it runs.
    """
    likely = {target: pace.likely for target, pace in paces.items()}
    changed: dict[str, str] = {}
    for step in STEPS:
        while estimated(plan, likely).span.high > budget_s and (cut := step(plan)):
            plan, what, how = cut
            began = changed.get(what, how).partition(" to ")[0]
            changed[what] = f"{began} to {how.partition(' to ')[2]}" if " to " in how else how
    estimate = estimated(plan, paces)
    sure = not estimate.unknown and all(pace.measured for pace in estimate.paces.values())
    budget = Budget(
        seconds=budget_s,
        cuts=tuple(f"{what}: {how}" for what, how in changed.items()),
        kept=estimate.span.high <= budget_s if sure else None,
    )
    return replace(plan, estimate=estimate, budget=budget)


def _protocol(plan: Plan, **changes: Any) -> Plan:
    protocol = replace(plan.suite.protocol, **changes)
    return replace(plan, suite=replace(plan.suite, protocol=protocol))


def _repeats(least: int) -> Step:
    def step(plan: Plan) -> tuple[Plan, str, str] | None:
        count = plan.suite.protocol.repeats
        if count <= least:
            return None
        return _protocol(plan, repeats=count - 1), "repeats", f"{count} to {count - 1}"

    return step


def _launches(least: int) -> Step:
    def step(plan: Plan) -> tuple[Plan, str, str] | None:
        count = plan.suite.protocol.launches
        fewer = max(least, count - 1 if count % 2 else count - 2)
        if count <= least:
            return None
        kept = tuple(launch for launch in plan.launches if launch.block < fewer)
        told = f"{count} to {fewer}"
        if fewer < LEAST_LAUNCHES:
            told += ", too few for an interval"
        return replace(_protocol(plan, launches=fewer), launches=kept), "launches", told

    return step


def _scenario(plan: Plan) -> tuple[Plan, str, str] | None:
    """Without its last scenario, unless it is the only one."""
    if len(plan.scenarios) < 2:
        return None
    name = plan.scenarios[-1].scenario
    told = (*plan.burn_in, *plan.launches)
    lost = {launch.target: None for launch in told if name in launch.scenarios}
    left_out = [
        Exclusion(target=target, scenario=name, word="skipped", reason=REASON) for target in lost
    ]
    burn_in, launches = (
        tuple(
            replace(launch, scenarios=kept)
            for launch in planned
            if (kept := tuple(other for other in launch.scenarios if other != name))
        )
        for planned in (plan.burn_in, plan.launches)
    )
    busy = {launch.target for launch in launches}
    plan = replace(
        plan,
        scenarios=plan.scenarios[:-1],
        burn_in=burn_in,
        launches=launches,
        targets=tuple(item for item in plan.targets if item.target in busy),
        exclusions=(*plan.exclusions, *left_out),
    )
    return plan, f"scenario {name}", "left out"


def _sentinel(plan: Plan) -> tuple[Plan, str, str] | None:
    if not plan.suite.protocol.sentinel:
        return None
    return _protocol(plan, sentinel=False), "drift sentinel", "left out"


def _energy(plan: Plan) -> tuple[Plan, str, str] | None:
    if not any(energy_span(plan, launch).high for launch in plan.launches):
        return None
    return _protocol(plan, energy=False), "energy of short phases", "left out"


def _scoring(plan: Plan) -> tuple[Plan, str, str] | None:
    if plan.scoring is None or not plan.scoring.launches:
        return None
    scoring = replace(plan.scoring, launches=(), skipped=REASON)
    return replace(plan, scoring=scoring), "scoring", "left out"


def _burn_in(plan: Plan) -> tuple[Plan, str, str] | None:
    if not plan.burn_in:
        return None
    return replace(_protocol(plan, burn_in=0), burn_in=()), "burn-in", "left out"


STEPS: tuple[Step, ...] = (
    _energy,
    _repeats(LEAST_REPEATS),
    _launches(LEAST_LAUNCHES),
    _scenario,
    _sentinel,
    _scoring,
    _burn_in,
    _launches(2),
    _launches(1),
    _repeats(1),
)
