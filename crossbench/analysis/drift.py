"""What a cell, measured again at the end of its launches, says of drift within a launch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from crossbench.analysis.cell import Cell
from crossbench.analysis.sample import Sample, by_launch
from crossbench.statistics import interval, trend
from crossbench.statistics.logmean import LEAST_LAUNCHES


class Drift(Struct, frozen=True, kw_only=True):
    """The sentinel of one target."""

    scenario: str
    launches: Mapping[str, float]
    """Launch -> seconds per token at its end over those before; above 1 it became slower."""
    flagged: bool | None
    """Whether that is more than launches differ from each other; None where it cannot be judged."""
    reason: str


def drift(scenario: str, cell: Cell) -> Drift | None:
    """None where no sentinel was measured.

    A sentinel is held against what its own worker measured before: a launch that another worker
    had to finish has none.
    """
    if not cell.sentinels:
        return None
    again = by_launch(sample for sample in cell.sentinels if sample.fault is None)
    workers = {launch: {sample.worker for sample in group} for launch, group in again.items()}
    before = {
        launch: [sample for sample in group if sample.worker in workers.get(launch, ())]
        for launch, group in by_launch(cell.valid).items()
    }
    first = {launch: _pace(group) for launch, group in before.items() if group}
    last = {launch: _pace(group) for launch, group in again.items()}
    both = sorted(first.keys() & last.keys())
    flagged, reason = _judged(first, last, both)
    return Drift(
        scenario=scenario,
        launches={launch: last[launch] / first[launch] for launch in both},
        flagged=flagged,
        reason=reason,
    )


def _judged(
    first: Mapping[str, float], last: Mapping[str, float], both: list[str]
) -> tuple[bool | None, str]:
    if len(both) < LEAST_LAUNCHES:
        return None, f"{len(both)} launches have both measurements; it needs {LEAST_LAUNCHES}"
    flags = trend.sentinel(first, last, interval.cell([first[launch] for launch in both]))
    if flags:
        return True, flags[0].reason
    return False, "measured again at the end, it differs no more than launches do"


def _pace(samples: Iterable[Sample]) -> float:
    """Seconds per token from the prompt to the last chunk: a sum over a sum."""
    kept = list(samples)
    return sum(sample.e2e_s for sample in kept) / sum(sample.tokens for sample in kept)
