"""How long a plan will take and what was left out for it, as text for a person."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.artifacts.sizes import sized, spelled
from crossbench.plan.model import Plan
from crossbench.plan.time import Budget, Estimate, Span


def lines(plan: Plan) -> Iterator[str]:
    """The estimate with where it comes from, what comes before it, and the budget."""
    if plan.estimate is not None and plan.launches:
        yield ""
        yield from _estimate(plan.estimate)
    if plan.budget is not None:
        yield from _budget(plan.budget)


def spanned(span: Span) -> str:
    """`10 min to 14 min`."""
    low, high = spelled(span.low), spelled(span.high)
    return low if low == high else f"{low} to {high}"


def _estimate(estimate: Estimate) -> Iterator[str]:
    if estimate.paces:
        yield f"it will take {spanned(estimate.span)}, told better while it runs:"
    for target, pace in estimate.paces.items():
        yield f"  {target}: {pace.whence}"
    if estimate.unknown:
        names = ", ".join(estimate.unknown)
        yield f"  and, in a time that is not known as the size of the artifact is not: {names}"
    if before := list(_before(estimate)):
        yield f"  before that, and not counted: {'; '.join(before)}"


def _before(estimate: Estimate) -> Iterator[str]:
    if estimate.fetch_bytes:
        yield f"{sized(estimate.fetch_bytes)} to fetch, at a rate that nobody knows"
    if estimate.unsized:
        yield f"what {', '.join(estimate.unsized)} needs to fetch, of unknown size"
    if estimate.builds:
        yield f"environments to build, for {', '.join(estimate.builds)}"


def _budget(budget: Budget) -> Iterator[str]:
    yield f"budget of {spelled(budget.seconds)}, from the first launch on:"
    if not budget.cuts:
        yield "  nothing is left out"
    for cut in budget.cuts:
        yield f"  {cut}"
    if budget.kept is None:
        yield (
            "  what was not measured here yet is reckoned by the middle of its guess; blocks that "
            "no longer fit are left out"
        )
    elif not budget.kept:
        yield "  it may take longer even so; blocks that no longer fit are left out"
