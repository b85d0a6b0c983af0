"""What happens in a run, one struct a kind: each is a line of `journal.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.api import DeviceMemory, Loaded
from crossbench.instrument.model import Figures
from crossbench.places.placement import Place
from crossbench.plan.model import Purpose
from crossbench.prompts.identity import Identity
from crossbench.worker.protocol import FailureKind, Instrument, Record, Strain

Role: TypeAlias = Literal["warmup", "timed", "sentinel", "burn_in", "prefill", "decode"]
"""Untimed; timed and counted; timed once more at the launch's end; timed and not counted; one phase
alone, repeated for its energy."""


def now() -> str:
    """UTC to the second, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Event(Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    """A line of the journal; the struct's name is its tag."""


class InstrumentMeasured(_Event, frozen=True, kw_only=True):
    """What the instrument itself adds, found before any launch."""

    figures: Figures
    age_s: float = 0.0
    """How long before, where they are of an earlier run of the same process."""


class LaunchStarted(_Event, frozen=True, kw_only=True):
    """A worker was started."""

    launch: str
    """Name of this worker process; a launch of the plan that had to begin anew gets a number."""
    planned: str
    """The launch of the plan that it serves."""
    target: str
    block: int
    purpose: Purpose = "timed"
    """What it is started for; a scoring launch is never timed, one that burns in never counted."""
    rested_s: float = 0.0
    """How long the machine was left to rest just before."""
    celsius: float | None = None
    """How hot its hottest device then was; None where nothing can tell, or nobody asked."""
    places: tuple[Place, ...] = ()
    """What each of its workers is held to, one a replica; empty where that is nothing."""
    utc: str
    monotonic_ns: int
    """The workers' clock at `utc`, so that stamps can be laid on the calendar."""

    @property
    def calendar_s(self) -> float | None:
        """`utc` in seconds since 1970, by a clock that may step: no number is made of it."""
        try:
            return datetime.fromisoformat(self.utc).timestamp()
        except (ValueError, OverflowError):
            return None


class LaunchReady(_Event, frozen=True, kw_only=True):
    """Its model is loaded."""

    launch: str
    loaded: Loaded
    memory: Mapping[str, DeviceMemory]
    instrument: Instrument
    versions: Mapping[str, str]
    python: str
    start_ns: int
    """From the start of the process to its first line."""
    import_ns: int
    """From there until the backend was imported."""
    load_ns: int
    """From there until the session was ready."""
    tokenizer: Identity
    """Whether the artifact's own tokenizer is the suite's."""


class SampleTaken(_Event, frozen=True, kw_only=True):
    """One request, in whatever role."""

    launch: str
    scenario: str
    role: Role
    repeat: int
    prompt: int
    """Number of the request in its pass: the index of its prompt, where nothing runs beside it."""
    prompt_tokens: int
    prompt_sha256: str
    """Of the ids as sent, salt included."""
    asked_tokens: int
    natural: bool
    """Whether the model was free to end earlier."""
    strangers: int = 0
    """Processes that computed on its devices after it and were not there when it was loaded."""
    strangers_untold: str | None = None
    """Why nobody could tell of them; None where the driver told, or there are no such devices."""
    replica: int = 0
    """Which of its target's workers served it."""
    record: Record


class PassTaken(_Event, frozen=True, kw_only=True):
    """Every request of one repeat under load was answered or refused; its samples stand before
    this. Samples of a pass that no such event ends count for nothing."""

    launch: str
    scenario: str
    role: Role
    repeat: int
    requests: int
    met: int | None = None
    """How many of them met the SLO; None where the suite has none."""
    strain: Strain | None = None
    """How busy the driver was; None where requests came one at a time."""
    late_ns: int = 0
    """How long after the start common to all replicas the last of them began; 0 of one worker."""


class BackgroundWorked(_Event, frozen=True, kw_only=True):
    """What worked beside a pass that was just measured; its samples stand before this."""

    launch: str
    scenario: str
    role: Role
    repeat: int
    place: Place
    """Where it worked."""
    begin_ns: int
    """By `perf_counter_ns`, as `end_ns`: at work before its first request and after its last."""
    end_ns: int
    tokens: int | None = None
    """That a target produced meanwhile; None of a command."""
    cpu_s: float | None = None
    """Processor time of a command and all that it started; None of a target."""


class LevelLeftOut(_Event, frozen=True, kw_only=True):
    """A level that a launch does not measure, as a lower one did not meet the SLO."""

    launch: str
    """Of the plan, which may need no worker for it."""
    target: str
    block: int
    scenario: str
    reason: str


class CellFailed(_Event, frozen=True, kw_only=True):
    """A cell of this launch could not be measured; it is not tried again in this run."""

    launch: str
    scenario: str
    kind: FailureKind
    phase: str
    message: str


class WindowScored(_Event, frozen=True, kw_only=True):
    """How a target predicts one window of the scoring set."""

    launch: str
    window: int
    bytes: int
    """UTF-8 bytes of the text behind the scored ids."""
    logprobs: tuple[float, ...]
    """Of each scored id: natural logarithm of its probability given all before it."""
    likeliest: tuple[int, ...]
    """The id the model finds likeliest at each place."""


class ScoringFailed(_Event, frozen=True, kw_only=True):
    """A target could not be scored."""

    launch: str
    kind: FailureKind
    phase: str
    message: str


class LaunchEnded(_Event, frozen=True, kw_only=True):
    """The worker and its process group are gone."""

    launch: str
    stage: Literal["quit", "terminated", "killed", "died"]
    exit_code: int | None
    memory: Mapping[str, DeviceMemory]
    """The engine's memory after its last sample; empty when it could not be asked."""
    undrained: Mapping[str, int] = {}
    """Device -> bytes that did not become free within the time given to it."""
    left: tuple[str, ...] = ()
    """Command lines of processes that outlived the worker outside of its group; they were ended."""
    seconds: float | None = None
    """From the start of the process until here."""


class LeftOut(_Event, frozen=True, kw_only=True):
    """What was planned and is not measured, for every target alike."""

    blocks: tuple[int, ...]
    """Whole blocks of launches."""
    scoring: bool = False
    """Whether targets are not scored, either."""
    reason: str


class RunResumed(_Event, frozen=True, kw_only=True):
    """An unfinished run goes on."""

    utc: str
    changes: tuple[str, ...]
    """What is no longer as it was when the run began, and was accepted."""


class RunEnded(_Event, frozen=True, kw_only=True):
    """Nothing more will be measured."""

    utc: str
    outcome: Literal["complete", "interrupted"]


Event: TypeAlias = (
    InstrumentMeasured
    | LaunchStarted
    | LaunchReady
    | SampleTaken
    | PassTaken
    | BackgroundWorked
    | LevelLeftOut
    | CellFailed
    | WindowScored
    | ScoringFailed
    | LaunchEnded
    | LeftOut
    | RunResumed
    | RunEnded
)
