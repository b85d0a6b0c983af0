"""Which levels of a load a launch need not measure, where the suite looks for the highest that
meets its SLO: those above the first that misses it. Each launch is judged by its own passes."""

from __future__ import annotations

from crossbench.analysis.exclusion import late
from crossbench.analysis.goodput import ATTAINMENT
from crossbench.plan.model import Launch, Plan
from crossbench.run.history import History


def needless(plan: Plan, launch: Launch, history: History, name: str) -> str | None:
    """Why a launch leaves out this scenario, or None for one that is to be measured."""
    load = plan.scenario(name).load
    if load is None or not load.find:
        return None
    for lower in launch.scenarios:
        under = plan.scenario(lower).load
        if under is None or under.of != load.of or under.level >= load.level:
            continue
        if (launch.target, lower) in history.failed:
            return f"{under.words} already failed"
        passes = [each for each in history.passes(launch, lower).values() if not late(each)]
        met, requests = sum(each.met or 0 for each in passes), sum(p.requests for p in passes)
        if requests and met < ATTAINMENT * requests:
            return (
                f"at {under.words} already only {met} of {requests} requests met the SLO, under "
                f"{ATTAINMENT:.0%}"
            )
    return None
