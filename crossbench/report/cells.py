"""The cells of a run: what was measured of each target on each scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from crossbench.analysis.cell import Cell
from crossbench.analysis.definitions import DEFINITIONS, cache_state, cell_metrics, raw
from crossbench.analysis.instrument import overloaded
from crossbench.analysis.level import level_metrics
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.sample import Sample, by_launch
from crossbench.comparison.gather import of_cell, of_target
from crossbench.comparison.invariant import Invariant
from crossbench.errors import InputError
from crossbench.journal.manifest import Manifest
from crossbench.plan.model import Plan, ScenarioPlan
from crossbench.report.asked import words
from crossbench.report.model import CellReport, Invalid, ScenarioReport
from crossbench.suite.model import Scenario

MOST_SAMPLES = 20_000
"""Of a whole run, for each of them to stand in its report; the journal has them in any case."""


class Cells:
    """Makes them; what many of them share is found once."""

    def __init__(self, manifest: Manifest, measured: Measurements) -> None:
        """Of this run."""
        plan = manifest.plan
        self._measured = measured
        self._asked = {scenario.name: scenario for scenario in plan.suite.scenarios}
        self._order = {launch.id: place for place, launch in enumerate(plan.launches)}
        self._wanted = wanted(plan)
        self._raw = sum(len(cell.samples) for cell in measured.cells.values()) <= MOST_SAMPLES
        self._alike: dict[Invariant, Invariant] = {}
        self._own = {
            planned.target: of_target(manifest, planned, measured) for planned in plan.targets
        }

    def scenario(self, planned: ScenarioPlan) -> ScenarioReport:
        """All cells of a scenario. Raises InputError where the journal tells of what is not in the
        plan."""
        asked = self._asked[planned.scenario]
        return ScenarioReport(
            name=planned.scenario,
            prompt_tokens=planned.prompt_tokens,
            output_tokens=asked.output_tokens,
            natural=asked.natural,
            forced=asked.forced,
            load=asked.load,
            prompts_sha256=planned.prompts_sha256,
            asked=words(asked.prompts),
            same_ids=self._measured.sent.same(planned.scenario),
            cells=tuple(
                self._cell(target, planned, asked)
                for target in self._own
                if (target, planned.scenario) in self._measured.cells
            ),
        )

    def _cell(self, target: str, scenario: ScenarioPlan, asked: Scenario) -> CellReport:
        measured = self._measured
        cell = measured.cells[target, scenario.scenario]
        valid, groups = cell.valid, by_launch(cell.samples)
        told = of_cell(asked, target, scenario, measured, DEFINITIONS)
        work = [self._alike.setdefault(each, each) for each in told]
        return CellReport(
            target=target,
            cache=cache_state(valid),
            counted_by=tuple(sorted({sample.counted_by for sample in valid})),
            metrics=(*cell_metrics(cell, measured.ready), *level_metrics(cell, measured.ready)),
            valid_samples=len(valid),
            planned_samples=self._wanted[target, scenario.scenario],
            invalid=_invalid(cell.samples),
            lines={launch: (group[0].line, group[-1].line) for launch, group in groups.items()},
            blocks={
                launch: measured.started[group[-1].worker].block for launch, group in groups.items()
            },
            places={launch: self._place(launch) for launch in groups},
            invariants=(*work, *self._own[target]),
            native={name: total / count for name, (total, count) in sorted(cell.native.items())},
            overloaded=self._overloaded(cell),
            samples=raw(cell, measured.ready) if self._raw else {},
            reasoned=cell.reasoned,
        )

    def _overloaded(self, cell: Cell) -> str | None:
        if not cell.passes:
            return None
        loaded = self._measured.ready[cell.samples[0].worker].loaded
        return overloaded(self._measured.instrument, cell.passes.values(), loaded.boundary)

    def _place(self, launch: str) -> int:
        """Its number within the run. Raises InputError for one that is not in the plan."""
        place = self._order.get(launch)
        if place is None:
            raise InputError(f"run.json is damaged: it says nothing of launch {launch}")
        return place


def wanted(plan: Plan) -> Mapping[tuple[str, str], int]:
    """Target and scenario -> the timed samples that the plan wanted of this cell."""
    launches = Counter(
        (launch.target, scenario) for launch in plan.launches for scenario in launch.scenarios
    )
    requests = {scenario.name: scenario.requests for scenario in plan.suite.scenarios}
    repeats = plan.suite.protocol.repeats
    return Counter(
        {place: repeats * count * requests[place[1]] for place, count in launches.items()}
    )


def _invalid(samples: Sequence[Sample]) -> tuple[Invalid, ...]:
    return tuple(
        Invalid(launch=sample.launch, line=sample.line, reason=sample.fault, rule=sample.rule)
        for sample in samples
        if sample.fault is not None and sample.rule is not None
    )
