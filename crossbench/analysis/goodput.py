"""Goodput: requests that met the suite's SLO, and what share of a level's requests they are.

A request that failed met nothing. One too short to tell its time per token (fewer than two chunks)
cannot miss that limit.
"""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.analysis.sample import Sample, judged
from crossbench.journal.events import SampleTaken
from crossbench.suite.tables.scenario import Slo

ATTAINMENT = 0.95
"""Share of a level's requests that must meet the SLO for the level to meet it."""


def meets(sample: Sample, slo: Slo) -> bool:
    """Whether one request kept to every limit that is given."""
    if sample.fault is not None:
        return False
    tpot_s = sample.decode_s / sample.later_tokens if sample.later_tokens else 0.0
    limits = ((slo.ttft_s, sample.ttft_s), (slo.tpot_s, tpot_s), (slo.e2e_s, sample.e2e_s))
    return all(limit is None or taken <= limit for limit, taken in limits)


def met(events: Iterable[SampleTaken], slo: Slo) -> int:
    """How many of these requests met it, as the journal has them."""
    return sum(meets(judged(0, event, event.launch), slo) for event in events)
