"""The report as data: what `report.json` holds and every rendering is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from crossbench.analysis.bandwidth import BandwidthUse
from crossbench.analysis.check import Check
from crossbench.analysis.definitions import Each
from crossbench.analysis.energy import EnergyUse
from crossbench.analysis.exclusion import Rule
from crossbench.analysis.latency import Latency
from crossbench.analysis.memory import MemoryUse
from crossbench.analysis.metric import Metric
from crossbench.analysis.stream import Counted, Reasoned
from crossbench.analysis.telemetry import Telemetry
from crossbench.api import DeviceMemory, Finding, Loaded
from crossbench.comparison.compare import Comparison
from crossbench.comparison.invariant import Invariant
from crossbench.comparison.levels import RunDrift
from crossbench.instrument.model import Figures
from crossbench.machine.model import Machine
from crossbench.plan.artifact import Artifact
from crossbench.plan.model import NonResult
from crossbench.prompts.identity import Identity
from crossbench.report.company_model import Interference, Scaling
from crossbench.report.conduct_model import ConductReport
from crossbench.report.load_model import LoadReport
from crossbench.report.quality_model import ScoringReport
from crossbench.statistics.band import Band
from crossbench.suite.model import Load, Protocol
from crossbench.suite.tables.comparison import Axis

SCHEMA = 2


class NonResultReport(Struct, frozen=True, kw_only=True):
    """Something that was not measured: always one of four words and a reason."""

    target: str
    scenario: str | None
    """None for every scenario of the target."""
    word: NonResult
    kind: str | None
    """For "failed": oom, crash, timeout, startup, error or unsupported."""
    reason: str
    launch: str | None = None


class Invalid(Struct, frozen=True, kw_only=True):
    """A timed sample that does not count."""

    launch: str
    line: int
    reason: str
    rule: Rule
    """Which rule leaves it out."""


class CellReport(Struct, frozen=True, kw_only=True):
    """One target on one scenario."""

    target: str
    cache: str
    """ "cold" when proven, "warm" or "unproven" otherwise."""
    counted_by: tuple[Counted, ...]
    """Whence its token counts are known: ids, the engine's usage, or its text tokenised again."""
    metrics: tuple[Metric, ...]
    valid_samples: int
    planned_samples: int
    invalid: tuple[Invalid, ...]
    lines: Mapping[str, tuple[int, int]]
    """Launch -> first and last line of the journal that hold its timed samples."""
    blocks: Mapping[str, int]
    """Launch -> the block of the plan it stands in; launches of one block are compared in pairs."""
    places: Mapping[str, int]
    """Launch -> its number within the run."""
    invariants: tuple[Invariant, ...]
    """What must be alike in another cell for a ratio of the two to mean anything."""
    native: Mapping[str, float]
    """The engine's own figures, averaged over its samples: shown beside, never compared."""
    overloaded: str | None = None
    """Why the instrument, and not the engine, may have been the slower part under this load."""
    samples: Mapping[str, Each] = {}
    """Metric -> launch -> what each of its samples gave, for those that are of single requests;
    empty where a run has more than a page can hold, and the journal has them all."""
    reasoned: Reasoned | None = None
    """How much reasoning came before the answer, where the engine tells the two apart."""


class ScenarioReport(Struct, frozen=True, kw_only=True):
    """One scenario and its cells."""

    name: str
    prompt_tokens: tuple[int, ...]
    output_tokens: int
    natural: bool
    forced: bool
    """Whether every target decoded along the same given ids."""
    load: Load | None = None
    """What ran at once; None for one request after the other."""
    prompts_sha256: str
    asked: tuple[str, ...] = ()
    """The first of its prompts in words, long ones cut; empty where they were left out."""
    same_ids: bool | None
    """Whether every measured target prefilled the same ids; None with fewer than two targets."""
    cells: tuple[CellReport, ...]


class TargetReport(Struct, frozen=True, kw_only=True):
    """One target: what it is, what it resolved to, and how it loads."""

    name: str
    run: str | None = None
    """Label of its run, where a report is of several."""
    backend: str
    plugin: str
    variant: str
    how: str
    """Its environment: "wheel", "build", "named" or "host"."""
    artifact: Artifact
    options: Mapping[str, Any]
    """As the suite gives them."""
    requires: tuple[str, ...]
    """What made its environment one of its own."""
    versions: Mapping[str, str]
    python: str | None
    loaded: Loaded | None
    """As the first launch resolved it; None when none became ready."""
    resolved_alike: bool
    """Whether every launch resolved the same."""
    tokenizer: Identity | None
    """Whether its artifact carries the suite's tokenizer; None when no launch became ready."""
    memory_loaded: Mapping[str, DeviceMemory]
    memory_ended: Mapping[str, DeviceMemory]
    stamp_error_s: float | None
    """99th percentile of the driver's own time between two stamps."""
    launches: int
    undrained: tuple[str, ...]
    """Launches after which device memory did not become free in time."""
    left_behind: tuple[str, ...] = ()
    """Programs that outlived a worker of its, each after its launch; they were ended."""
    drift: bool | None
    """Whether it drifted within its launches; None where there was no sentinel to tell."""
    metrics: tuple[Metric, ...]


class NoiseBand(Struct, frozen=True, kw_only=True):
    """How far apart a target lies from itself, by one primary metric of one scenario."""

    scenario: str
    metric: str
    found: Band


class NullTest(Struct, frozen=True, kw_only=True):
    """One target measured under two names: whatever differs is noise."""

    target: str
    bands: tuple[NoiseBand, ...]
    winners: tuple[str, ...]
    """Where a difference was named although there is none, such as "decode_tps on chat"."""


class RunReport(Struct, frozen=True, kw_only=True):
    """One of several runs in one report: what is its own, aside from targets and cells."""

    label: str
    """What its targets carry as `run`."""
    crossbench: str
    suite: str
    suite_sha256: str
    suite_shown: bool
    started: str
    outcome: str
    changes: tuple[str, ...]
    command: tuple[str, ...]
    machine: Machine
    protocol: Protocol
    conduct: ConductReport
    findings: tuple[Finding, ...]
    baseline: str | None
    """The target that its others are held against in `Report.further`."""
    run_drifts: tuple[RunDrift, ...]
    telemetry: Telemetry
    checks: tuple[Check, ...]
    scaling: tuple[Scaling, ...]
    interference: tuple[Interference, ...]
    """As its own report has them: by the names that targets have there."""
    instrument: Figures | None


class Report(Struct, frozen=True, kw_only=True):
    """One run, reported; or several in one, whose `runs` then hold what is each one's own."""

    schema: int = SCHEMA
    definitions: int
    crossbench: str
    """Version that measured; the version that reports is not part of the bytes."""
    suite: str
    title: str
    model: str
    suite_sha256: str
    started: str
    outcome: str
    """ "complete", "interrupted", or "unfinished" when the run ended without a word."""
    changes: tuple[str, ...]
    """What had changed since the run began when it was resumed."""
    command: tuple[str, ...]
    machine: Machine
    protocol: Protocol
    conduct: ConductReport
    targets: tuple[TargetReport, ...]
    scenarios: tuple[ScenarioReport, ...]
    findings: tuple[Finding, ...]
    """What was known before it ran to make it unfair, or likely to fail."""
    axis: tuple[Axis, ...]
    """What the suite says its targets differ in on purpose."""
    baseline: str | None
    """The target that the others are held against; None where fewer than two were measured."""
    absent_baseline: str | None
    """The one the suite asks for, where that was not measured."""
    comparisons: tuple[Comparison, ...]
    run_drifts: tuple[RunDrift, ...]
    """What all targets drifted by alike, and was taken out before launches were paired."""
    null_test: NullTest | None
    """None unless one target was measured under two names."""
    scoring: ScoringReport | None
    """None where the suite names no text to score: quality was not measured."""
    non_results: tuple[NonResultReport, ...]
    loads: tuple[LoadReport, ...] = ()
    """Scenarios under load, over their levels."""
    redacted: bool = False
    """Whether names, paths, addresses and serials were taken out."""
    suite_shown: bool = True
    """Whether its run holds the text of the suite, or that was left out with the prompts."""
    runs: tuple[RunReport, ...] = ()
    """Of several runs in one report, in the order given. Such a report's own machine, protocol,
    command and the like are those of the first."""
    notes: tuple[str, ...] = ()
    """What of several runs does not belong together."""
    further: tuple[Comparison, ...] = ()
    """Of several runs: the targets of each other run against its own baseline, targets that were
    measured again against what was found before, and those on scenarios without the baseline."""
    telemetry: Telemetry = Telemetry()
    memory: tuple[MemoryUse, ...] = ()
    energy: tuple[EnergyUse, ...] = ()
    bandwidth: tuple[BandwidthUse, ...] = ()
    latencies: tuple[Latency, ...] = ()
    """Of the first scenarios and targets: how their gaps are distributed."""
    checks: tuple[Check, ...] = ()
    """What was looked for that its numbers would hide."""
    scaling: tuple[Scaling, ...] = ()
    """Replicas, and other ways to share the same devices."""
    interference: tuple[Interference, ...] = ()
    """What backgrounds cost the scenarios they worked beside."""
    instrument: Figures | None = None
    """What the instrument itself adds; None where a run did not measure it."""
