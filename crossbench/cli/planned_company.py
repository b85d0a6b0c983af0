"""Replicas and backgrounds of a plan, as text for a person."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.plan.model import Plan
from crossbench.report.words import counted
from crossbench.suite.model import Target


def lines(plan: Plan) -> Iterator[str]:
    """Who is loaded several times, and what works beside which scenario."""
    planned = {target.target for target in plan.targets}
    several = [each for each in plan.suite.targets if each.name in planned and each.replicas > 1]
    launched = {name for launch in plan.launches for name in launch.scenarios}
    beside = [
        (scenario, scenario.background)
        for scenario in plan.suite.scenarios
        if scenario.background is not None and scenario.name in launched
    ]
    if several or beside:
        yield ""
    for target in several:
        yield f"{target.name}: {target.replicas} replicas, {_own(target)}; memory is told of one"
    for scenario, background in beside:
        yield f"{scenario.name}: in turn with {scenario.quiet}, beside {background.words}"


def _own(target: Target) -> str:
    if target.needs.cuda:
        return f"each on {counted(target.needs.cuda, 'CUDA device')} of its own"
    if target.needs.cpus:
        return f"each on {counted(target.needs.cpus, 'processor')} of its own"
    return "each on an equal share of the processors"
