"""A run on disk: `run.json`, written once, and `journal.jsonl`, appended and flushed per event.

Reading survives a torn last line. A folder is written by one process at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias, TypeVar

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from crossbench.api import DeviceMemory, Loaded
from crossbench.errors import InputError, JournalFailure
from crossbench.instrument.model import Figures
from crossbench.places.placement import Place
from crossbench.plan.artifact import Artifact
from crossbench.plan.model import Plan, Purpose
from crossbench.plan.selection import Selection
from crossbench.prompts.identity import Identity
from crossbench.worker.protocol import UNDECODABLE, FailureKind, Instrument, Record, Strain

SCHEMA = 3
"""3: passes under load, levels that were left out, replicas, backgrounds. 2: launches that are
burnt in, sentinels, what was left out for the budget, durations."""
MANIFEST = "run.json"
JOURNAL = "journal.jsonl"
LOGS = "logs"
TAIL_BYTES = 1 << 16

Published: TypeAlias = Literal["whole", "without prompts"]
Role: TypeAlias = Literal["warmup", "timed", "sentinel", "burn_in", "prefill", "decode"]
"""Untimed; timed and counted; timed once more at the launch's end; timed and not counted; one phase
alone, repeated for its energy."""
T = TypeVar("T")


class Installed(Struct, frozen=True, kw_only=True):
    """An environment as it was used."""

    how: str
    """From prebuilt wheels ("wheel"), compiled here ("build"), the user's own ("named"), "host"."""
    versions: Mapping[str, str]
    """Distribution -> version."""


class Manifest(Struct, frozen=True, kw_only=True):
    """`run.json`: what was going to be done, and on what."""

    schema: int = SCHEMA
    crossbench: str
    definitions: int
    """Version of the metric definitions the run was made with."""
    started: str
    """UTC, ISO 8601."""
    command: tuple[str, ...]
    suite_text: str
    """The suite, verbatim."""
    plan: Plan
    selection: Selection
    artifacts: Mapping[str, Artifact]
    """Target -> what its artifact held."""
    environments: Mapping[str, Installed]
    """Target -> what its environment holds."""
    probing: bool | None = None
    """Whether the machine was to be read while it ran; None in runs made before that was done."""
    private: tuple[str, ...] = ()
    """Names of its host and user, and the user's home: written down to be kept out of reports."""
    published: Published | None = None
    """That this is a copy to be shown, and whether prompts and answers are in it; None for the run
    itself."""


class _Event(Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    """A line of the journal; the struct's name is its tag."""


class InstrumentMeasured(_Event, frozen=True, kw_only=True):
    """What the instrument adds under many streams, found before any launch of a plan with load."""

    figures: Figures


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


class BackgroundWorked(_Event, frozen=True, kw_only=True):
    """What worked beside requests that were just measured; their samples stand after this."""

    launch: str
    scenario: str
    role: Role
    repeat: int
    place: Place
    """Where it worked."""
    begin_ns: int
    """By `perf_counter_ns`, as `end_ns`: it was at work before the requests and after them."""
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

_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Journal:
    """A run folder being written."""

    def __init__(self, folder: Path, *, new: bool) -> None:
        """Take the folder for this process. Raises InputError when it cannot be had.

        A `new` run needs a folder without one.
        """
        try:
            (folder / LOGS).mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / ".lock")
            self._lock.acquire(timeout=0)
            if new:
                refuse_old(folder)
            self._stream = _appending(folder / JOURNAL)
        except Timeout:
            raise InputError(
                f"{folder} is being written by another run; choose another --out"
            ) from None
        except OSError as error:
            raise InputError(f"cannot write to {folder}: {error.strerror}") from error
        except InputError:
            self._lock.release()
            raise
        self.folder = folder
        self._encoder = msgspec.json.Encoder()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files and free the folder."""
        self._stream.close()
        self._lock.release()

    def write_manifest(self, manifest: Manifest) -> None:
        """Write `run.json` whole."""
        text = msgspec.json.format(self._encoder.encode(manifest), indent=1)
        replace(self.folder / MANIFEST, text + b"\n")

    def append(self, event: Event) -> None:
        """Write one line and hand it to the operating system. Raises JournalFailure."""
        line = memoryview(self._encoder.encode(event) + b"\n")
        try:
            while line:
                line = line[self._stream.write(line) :]
        except OSError as error:
            raise JournalFailure(
                f"cannot write to {self.folder / JOURNAL}: {error.strerror}; every sample before "
                f"this one is kept. When there is room: crossbench run --resume {self.folder}"
            ) from error


def _appending(path: Path) -> FileIO:
    """The journal open for appending, without the torn line that a crash may have left."""
    stream = FileIO(path, "ab+")
    end = stream.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - TAIL_BYTES)
        stream.seek(start)
        newline = stream.read(end - start).rfind(b"\n")
        if newline >= 0:
            start += newline + 1
            break
        end = start
    else:
        start = 0
    stream.truncate(start)
    return stream


def refuse_old(folder: Path) -> None:
    """Raises InputError when the folder holds a run."""
    for name in (MANIFEST, JOURNAL):
        path = folder / name
        if path.exists() and path.stat().st_size:
            raise InputError(
                f"{folder} already holds a run; choose another --out, or go on with it: "
                f"crossbench run --resume {folder}"
            )


def replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    draft.replace(path)


def now() -> str:
    """UTC to the second, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run. Raises InputError."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} is not a run folder: {MANIFEST} cannot be read ({error.strerror})"
        ) from error
    _refuse_newer(path, data)
    return _decoded(path, data, Manifest)


def _refuse_newer(path: Path, data: bytes) -> None:
    class Version(Struct):
        schema: int

    found = _decoded(path, data, Version).schema
    if found > SCHEMA:
        raise InputError(
            f"{path}: schema {found} is newer than this crossbench, which reads up to {SCHEMA}; "
            "upgrade crossbench"
        )


def _decoded(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except UNDECODABLE as error:
        raise InputError(f"{path} is damaged: {error}") from error


def read_events(folder: Path) -> Iterator[Event]:
    """The events of a run in order. A torn last line is left out; any other raises InputError."""
    path = folder / JOURNAL
    try:
        size = os.stat(path).st_size  # noqa: PTH116 - one call, no path object per line
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield _events.decode(line)
                except UNDECODABLE as error:
                    if stream.tell() == size and not line.endswith(b"\n"):
                        return
                    raise InputError(f"{path}:{number} is damaged: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
