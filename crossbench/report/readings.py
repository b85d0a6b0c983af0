"""What probes read while a run ran, as its report tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from crossbench.analysis.bandwidth import BandwidthUse, bandwidth_use
from crossbench.analysis.check import Check
from crossbench.analysis.device import names
from crossbench.analysis.energy import EnergyUse, energies
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.memory import MemoryUse, memory
from crossbench.analysis.sitting import sittings, stays
from crossbench.analysis.telemetry import Telemetry, telemetry
from crossbench.plan.model import Plan
from crossbench.redaction.run import Source
from crossbench.report.checks import checks
from crossbench.report.model import ScenarioReport


class Readings(Struct, frozen=True, kw_only=True):
    """All that is made of them."""

    telemetry: Telemetry
    memory: tuple[MemoryUse, ...]
    energy: tuple[EnergyUse, ...]
    bandwidth: tuple[BandwidthUse, ...]
    checks: tuple[Check, ...]


def readings(
    source: Source, measured: Measurements, scenarios: Iterable[ScenarioReport]
) -> Readings:
    """Of the run, whose cells are reported already."""
    manifest = source.manifest
    plan, found = manifest.plan, sittings(source.telemetry())
    machine, watched = plan.machine, stays(found)
    watched = {launch: stay for launch, stay in watched.items() if launch in measured.started}
    called = names(found, machine)
    options = {each.name: each.options for each in plan.suite.targets}
    targets = {each.target: options[each.target] for each in plan.targets}
    read = telemetry(found, measured, called, manifest.probing)
    return Readings(
        telemetry=read,
        memory=tuple(memory(machine, measured, watched, list(targets), read.absent)),
        energy=tuple(energies(machine, measured, watched, called)),
        bandwidth=tuple(_bandwidths(plan, measured, scenarios)),
        checks=tuple(checks(machine, measured, watched, targets, found, read.absent)),
    )


def _bandwidths(
    plan: Plan, measured: Measurements, scenarios: Iterable[ScenarioReport]
) -> Iterator[BandwidthUse]:
    for scenario in scenarios:
        for cell in scenario.cells:
            launches = measured.launches_of(cell.target)
            fit = plan.fits.get(cell.target)
            decode = next((each for each in cell.metrics if each.name == "decode_tps"), None)
            yield bandwidth_use(
                plan.machine,
                measured.ready[launches[0]].loaded if launches else None,
                decode.value if decode else None,
                fit.traits.experts if fit and fit.traits else None,
                cell.target,
                scenario.name,
            )
