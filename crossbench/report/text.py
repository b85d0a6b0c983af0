"""A comparison as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.comparison.compare import Compared
from crossbench.report.markdown.comparison import ratio
from crossbench.report.remarks import remarks
from crossbench.report.versus import Versus
from crossbench.report.words import TITLES, plain, quantity
from crossbench.statistics.verdict import THRESHOLD


def render(found: Versus) -> str:
    """Each metric on a line, then what stands beside the ratios."""
    return "\n".join(map(plain, _lines(found)))


def _lines(found: Versus) -> Iterator[str]:
    yield f"{found.target} against {found.baseline}; ratios are the first over the second"
    scenario = None
    for each in found.comparisons:
        if each.scenario != scenario:
            scenario = each.scenario
            yield ""
            yield scenario
        yield f"  {each.target} against {each.baseline}"
        yield from (_metric(compared) for compared in each.metrics)
    yield ""
    yield from (f"- {note}" for note in found.notes)
    for remark in remarks(found.comparisons, found.axis):
        yield f"- {remark.subject}: {remark.text}"
    yield f"- a difference within {100 * THRESHOLD:g} % is taken for none; [95 % intervals]"


def _metric(each: Compared) -> str:
    values = f"{quantity(each.target, each.unit)} against {quantity(each.baseline, each.unit)}"
    return f"    {TITLES[each.metric]:<11}{ratio(each):<26} {each.verdict:<13} {values}".rstrip()
