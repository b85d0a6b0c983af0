"""Which cells of a run have their distribution of gaps in the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.analysis.latency import Latency, latency
from crossbench.analysis.measurements import Measurements
from crossbench.report.model import ScenarioReport

MOST_SCENARIOS, MOST_TARGETS = 8, 16
"""What charts can show; of a larger run the first of each."""


def latencies(measured: Measurements, scenarios: Sequence[ScenarioReport]) -> Iterator[Latency]:
    """In the order of scenarios and targets."""
    for scenario in scenarios[:MOST_SCENARIOS]:
        for cell in scenario.cells[:MOST_TARGETS]:
            gaps = measured.cells[cell.target, scenario.name].gaps
            found = latency(scenario.name, cell.target, gaps)
            if found is not None:
                yield found
