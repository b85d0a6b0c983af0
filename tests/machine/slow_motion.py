"""A real run as it would have been on a card that takes its time, and what probes then read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from crossbench.api import Channel, Loaded
from crossbench.journal.events import Event, LaunchReady, LaunchStarted, SampleTaken
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.reader import read_events
from crossbench.machine.model import Machine
from crossbench.machine.reading import Reading
from crossbench.machine.telemetry import TELEMETRY, Seen
from crossbench.report.build import build
from crossbench.report.model import Report
from tests.analysis.readings import NS, events
from tests.machine.probed import GPU

SLOWER = 200
"""A prompt of the run then takes 20 s, and its tokens 46 s; starting and loading no time."""
BEFORE_S = 20
PAUSE_S = 0.2
SEEN_S = 0.05
"""How long before a worker starts the facts of the machine were read."""

Value = Callable[[float, str | None], float | None]
"""A reading at that second, while that launch is watched."""


def gauge(device: str, quantity: str) -> Channel:
    return Channel(device=device, quantity=quantity, unit="B", kind="gauge")


def report(
    run: Path,
    folder: Path,
    readings: Mapping[Channel, Value],
    loaded: Callable[[Loaded], Loaded] = lambda each: replace(each, devices=(GPU,)),
    slower: int = SLOWER,
    planned: Machine | None = None,
    seen: Mapping[str, Machine] | None = None,
) -> Report:
    """The report of a copy of the run, slowed down and read by these probes every second.

    `planned` is the machine it was planned on instead, `seen` that before each worker was started.
    """
    shutil.copytree(run, folder)
    if planned is not None:
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["plan"]["machine"] = msgspec.to_builtins(planned)
        (folder / MANIFEST).write_text(json.dumps(manifest))
    told = _in_rows([_slowed(event, loaded, slower) for event in read_events(run)])
    (folder / JOURNAL).write_bytes(_lines(told))
    watched = _watched(told)
    at_s = range(round(min(watched)) - BEFORE_S, round(max(watched)) + 5)
    values = {
        channel: [value(at, _launch(watched, at)) for at in at_s]
        for channel, value in readings.items()
    }
    opened, *read, closed = events(values, at_s, watched)
    read += _seen(watched, seen or {})
    read.sort(key=lambda event: event.at_ns)
    (folder / TELEMETRY).write_bytes(_lines([opened, *read, closed]))
    return build(folder)


def _seen(watched: Mapping[float, str | None], seen: Mapping[str, Machine]) -> Iterator[Seen]:
    for second, launch in watched.items():
        if launch is not None and launch in seen:
            at_ns = round((second - SEEN_S) * NS)
            yield Seen(at_ns=at_ns, machine=Reading(seen[launch]))


def _lines(told: Sequence[object]) -> bytes:
    return b"".join(msgspec.json.encode(event) + b"\n" for event in told)


def _slowed(event: Event, loaded: Callable[[Loaded], Loaded], slower: int) -> Event:
    if isinstance(event, LaunchStarted):
        return replace(event, monotonic_ns=event.monotonic_ns * slower)
    if isinstance(event, LaunchReady):
        return replace(event, loaded=loaded(event.loaded), start_ns=0, import_ns=0, load_ns=0)
    if isinstance(event, SampleTaken):
        stamps = tuple(stamp * slower for stamp in event.record.stamps_ns)
        record = replace(event.record, t0_ns=event.record.t0_ns * slower, stamps_ns=stamps)
        return replace(event, record=record)
    return event


def _in_rows(told: Sequence[Event]) -> list[Event]:
    """Requests of a launch follow each other after PAUSE_S, however busy the machine then was."""
    ends: dict[str, int] = {}
    laid: list[Event] = []
    for event in told:
        if not isinstance(event, SampleTaken):
            laid.append(event)
            continue
        t0_ns = event.record.t0_ns
        if event.launch in ends:
            t0_ns = ends[event.launch] + round(PAUSE_S * NS)
        ends[event.launch] = t0_ns + event.record.stamps_ns[-1]
        laid.append(replace(event, record=replace(event.record, t0_ns=t0_ns)))
    return laid


def _watched(told: list[Event]) -> dict[float, str | None]:
    """Second -> the launch that is watched from then on, until the next begins."""
    found: dict[float, str | None] = {}
    last_s = 0.0
    for event in told:
        if isinstance(event, LaunchStarted):
            begun_s = event.monotonic_ns / NS
            found |= (
                {begun_s - 0.1: None, begun_s: event.launch} if found else {begun_s: event.launch}
            )
        elif isinstance(event, SampleTaken):
            last_s = (event.record.t0_ns + event.record.stamps_ns[-1]) / NS
    return found | {last_s + 5: None}


def _launch(watched: Mapping[float, str | None], at_s: float) -> str | None:
    before = [second for second in watched if second <= at_s]
    return watched[max(before)] if before else None
