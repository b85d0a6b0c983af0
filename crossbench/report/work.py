"""What two scenarios of one name must have in common to be one."""

from __future__ import annotations

from msgspec.structs import replace

from crossbench.report.model import ScenarioReport


def work(scenario: ScenarioReport) -> ScenarioReport:
    """The scenario without what was measured."""
    return replace(scenario, cells=(), same_ids=None)
