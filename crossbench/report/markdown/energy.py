"""What a token costs in joules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.analysis.energy import EnergyUse
from crossbench.analysis.energy_windows import Phase
from crossbench.analysis.telemetry import ProbeReport, Telemetry
from crossbench.api import EnergyScope
from crossbench.report.markdown.bandwidth import untold
from crossbench.report.model import Report
from crossbench.report.views import views
from crossbench.report.words import escaped, table, value

SCOPES: dict[EnergyScope, str] = {
    "gpu_board": "graphics cards with their memory, and nothing of the host",
    "soc_package": "the chip with its memory",
    "cpu_package": "processors, without their memory, whatever else they did meanwhile",
    "wall": "all that is plugged in",
}
TITLES = {
    "prompt_token_j": "prompt token",
    "prompt_token_net_j": "net",
    "output_token_j": "output token",
    "output_token_net_j": "net",
    "output_token_of_requests_j": "output token, prompts included",
    "output_token_of_requests_net_j": "net",
}
REPEATED: dict[Phase, str] = {
    "prefill": "prompts were computed again and again until they filled a window",
    "decode": "outputs were made again and again, each after hardly any prompt, until they filled "
    "a window",
}
PROBES = ("nvml", "rapl", "ioreport")
"""Ours that read energy where they read anything."""


def energy(report: Report) -> Iterator[str]:
    """The section, or why there is no energy of a run that was read; and, where no target's
    bandwidth is known, why not."""
    if parts := [*_measured(report), *_missing(report)]:
        yield "## Energy"
        yield from parts
    yield from untold(report)


def _measured(report: Report) -> Iterator[str]:
    scopes = dict.fromkeys(use.scope for use in report.energy)
    if not scopes:
        return
    yield (
        "Joules per token, gross, and net of what the same devices took before the first worker "
        "was started. Scopes hold different things: a figure of one is never to be ranked against "
        "a figure of another."
    )
    for scope in scopes:
        yield from _scope(scope, [use for use in report.energy if use.scope == scope])


def _missing(report: Report) -> Iterator[str]:
    """A sentence for each run of whose targets no energy is told; none where the machine was not
    read at all, which is said of the probes."""
    measured = {use.target for use in report.energy}
    for view in views(report):
        run = view.report
        cells = [cell.target for scenario in run.scenarios for cell in scenario.cells]
        if cells and measured.isdisjoint(cells) and run.telemetry.absent is None:
            where = f" in {escaped(view.label)}" if view.label else ""
            yield f"Not measured{where}: {escaped(_unread(run.telemetry))}."


def _unread(read: Telemetry) -> str:
    told = [
        f"{probe.name}: {probe.absent or _uncounted(probe)}"
        for probe in read.probes
        if probe.name in PROBES or _reads(probe)
    ]
    return "; ".join(told) or "no probe reads energy"


def _reads(probe: ProbeReport) -> bool:
    return not {"energy", "power"}.isdisjoint(probe.quantities)


def _uncounted(probe: ProbeReport) -> str:
    if _reads(probe):
        return "what it reads could be counted for no target"
    return "it reads neither energy nor power"


def _scope(scope: EnergyScope, uses: Sequence[EnergyUse]) -> Iterator[str]:
    devices = dict.fromkeys(device for use in uses for device in use.devices)
    yield f"`{scope}`: {SCOPES[scope]} ({escaped(', '.join(devices))})."
    rows = [
        [escaped(use.scenario), escaped(use.target), *(value(metric) for metric in use.metrics)]
        for use in uses
    ]
    titles = [TITLES[metric.name] for metric in uses[0].metrics]
    yield table(["scenario", "target", *titles], rows, numeric=len(titles))
    if lines := [*_repeated(uses), *_reasons(uses)]:
        yield "\n".join(lines)


def _repeated(uses: Sequence[EnergyUse]) -> Iterator[str]:
    """Which numbers rest on requests that were made for them alone."""
    for phase, what in REPEATED.items():
        whose = [f"{use.target} on {use.scenario}" for use in uses if phase in use.repeated]
        if whose:
            yield f"- {escaped(', '.join(whose))}: {what}, after all that was timed."


def _reasons(uses: Sequence[EnergyUse]) -> Iterator[str]:
    """Why numbers are missing or rest on less, each reason once."""
    told: dict[str, dict[str, None]] = {}
    for use in uses:
        for metric in use.metrics:
            for reason in metric.reasons:
                told.setdefault(reason, {})[f"{use.target} on {use.scenario}"] = None
    for reason, whose in told.items():
        yield f"- {escaped(', '.join(whose))}: {escaped(reason)}."
