"""How long a plan will take: launches times their parts, always as a range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crossbench.plan.energy import energy_span
from crossbench.plan.model import Launch, Plan
from crossbench.plan.time import Estimate, Pace, Span, total


def estimated(plan: Plan, paces: Mapping[str, Pace]) -> Estimate:
    """The plan at these paces, target by target; what is fetched and built first stands apart."""
    launches = [*plan.burn_in, *plan.launches]
    fetches = {item.target: item.fetch.bytes for item in plan.targets if item.fetch is not None}
    named = [item.target for item in plan.targets]
    return Estimate(
        span=launches_span(plan, launches, paces) + scoring_span(plan, paces),
        paces={target: paces[target] for target in named if target in paces},
        unknown=tuple(target for target in named if target not in paces),
        fetch_bytes=sum(count or 0 for count in fetches.values()),
        unsized=tuple(target for target, count in fetches.items() if count is None),
        builds=tuple(item.target for item in plan.targets if item.how == "to build"),
    )


def launches_span(plan: Plan, launches: Iterable[Launch], paces: Mapping[str, Pace]) -> Span:
    """These launches one after the other, those left aside whose pace is not known."""
    known = [launch for launch in launches if launch.target in paces]
    return total(launch_span(plan, launch, paces[launch.target]) for launch in known)


def launch_span(plan: Plan, launch: Launch, pace: Pace) -> Span:
    """One launch with its rest before it; an unknown scenario is as long as the known together."""
    every = total(pace.passes.values())
    passes = (
        pace.passes.get(scenario, every).times(count)
        for scenario, count in plan.passes(launch).items()
    )
    beside = energy_span(plan, launch) + _cooling(plan, launch)
    return pace.load + pace.rest + total(passes) + beside


def scoring_span(plan: Plan, paces: Mapping[str, Pace]) -> Span:
    """All scoring launches."""
    if plan.scoring is None:
        return Span()
    known = [paces[item.target] for item in plan.scoring.launches if item.target in paces]
    windows = plan.scoring.windows
    return total(pace.load + pace.rest + pace.window.times(windows) for pace in known)


def _cooling(plan: Plan, launch: Launch) -> Span:
    """The rest that the protocol asks for; how long the heat takes to go nobody knows before."""
    protocol = plan.suite.protocol
    if launch.purpose != "timed":
        return Span()
    waits = protocol.start_below_c is not None and plan.celsius is not None
    longest = protocol.deadlines.cool_s if waits else 0.0
    return Span(protocol.cool_down_s, max(protocol.cool_down_s, longest))
