"""What a report says where it has no energy, and where no bandwidth is known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.analysis.bandwidth import BandwidthUse
from crossbench.analysis.telemetry import SWITCHED_OFF, UNRECORDED, ProbeReport, Telemetry
from crossbench.report.html.page import render as as_html
from crossbench.report.markdown.energy import energy
from crossbench.report.markdown.page import render as as_markdown
from tests.report.material import usual
from tests.report.test_several import two_machines


def probe(name: str, absent: str | None = None, *quantities: str) -> ProbeReport:
    return ProbeReport(name=name, quantities=quantities, absent=absent)


READ = Telemetry(
    absent=None,
    interval_s=0.1,
    probes=(
        probe("nvml", "no *library*"),
        probe("processor", "no clocks"),
        probe("rapl", "no intel-rapl"),
        probe("host", None, "cpu_time"),
    ),
)


def told(read: Telemetry, *uses: BandwidthUse) -> list[str]:
    return list(energy(replace(usual(), telemetry=read, bandwidth=uses)))


def use(target: str, scenario: str, reason: str | None) -> BandwidthUse:
    share = None if reason else 0.5
    return BandwidthUse(target=target, scenario=scenario, reason=reason, share=share)


def test_why_no_energy_was_measured_is_told() -> None:
    assert told(READ) == [
        "## Energy",
        "Not measured: nvml: no \\*library\\*; rapl: no intel-rapl.",
    ]
    report = replace(usual(), telemetry=READ)
    assert "\n## Energy\n\nNot measured: nvml: no" in as_markdown(report)
    assert "<p>Not measured: nvml: no *library*; rapl: no intel-rapl.</p>" in as_html(report)


def test_a_probe_that_reads_energy_of_no_target_is_told_too() -> None:
    probes = (probe("nvml", None, "memory"), probe("wall", None, "power"), *READ.probes[2:])
    assert told(replace(READ, probes=probes))[1] == (
        "Not measured: nvml: it reads neither energy nor power; wall: what it reads could be "
        "counted for no target; rapl: no intel-rapl."
    )
    assert told(replace(READ, probes=READ.probes[3:]))[1] == "Not measured: no probe reads energy."


@pytest.mark.parametrize("absent", [SWITCHED_OFF, UNRECORDED])
def test_without_probes_nothing_is_said_of_energy(absent: str) -> None:
    assert told(Telemetry(absent=absent)) == []
    page = as_markdown(replace(usual(), telemetry=Telemetry(absent=absent)))
    assert f"not read while it ran: {absent}" in page


def test_a_report_of_nothing_measured_has_no_energy() -> None:
    assert not list(energy(replace(usual(), telemetry=READ, scenarios=(), bandwidth=())))


def test_why_no_bandwidth_is_known_is_told_once() -> None:
    alone = Telemetry(absent=UNRECORDED)
    uses = [use(name, on, "no GPU") for name in ("one", "two") for on in ("short", "long")]
    assert told(alone, *uses) == [
        "## Bandwidth",
        "What decode takes of the devices' published bandwidth is not told: no GPU.",
    ]
    uses[1:3] = [use("one", "long", "no decode rate"), use("two", "short", "no decode rate")]
    uses.append(use("same", "short", "no decode rate"))
    assert told(alone, *uses)[1].endswith(
        " is not told: no GPU (one on short; two on long); no decode rate (one on long; two on "
        "short; same)."
    )
    assert told(alone, *uses, use("same", "long", None)) == []
    assert told(alone) == []


def test_of_several_runs_each_says_why() -> None:
    box, mac = two_machines().runs
    rapl = replace(READ, probes=READ.probes[2:3])
    runs = (replace(box, telemetry=READ), replace(mac, telemetry=rapl))
    assert list(energy(replace(two_machines(), runs=runs)))[:3] == [
        "## Energy",
        "Not measured in box: nvml: no \\*library\\*; rapl: no intel-rapl.",
        "Not measured in mac: rapl: no intel-rapl.",
    ]
