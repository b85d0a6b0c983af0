"""A run as it may be shown: manifest, journal and what probes read, without what is private.

A report is made from such a source, and a published run is one written down: so a report of the
published run is the report of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crossbench.analysis.device import names
from crossbench.analysis.sitting import Sitting
from crossbench.journal.events import Event, SampleTaken
from crossbench.journal.manifest import Manifest
from crossbench.journal.reader import read_events, read_manifest
from crossbench.machine import telemetry
from crossbench.machine.reading import Reading
from crossbench.machine.redaction import without_programs
from crossbench.redaction.names import betrayed, servers, sorted_out
from crossbench.redaction.private import Private

T = TypeVar("T")


class Source(Struct, frozen=True, kw_only=True):
    """What a report is made from; events can be read as often as asked for."""

    manifest: Manifest
    events: Callable[[], Iterator[Event]]
    telemetry: Callable[[], Iterator[telemetry.Event]]
    redacted: bool


def raw(folder: Path) -> Source:
    """A run as it lies there, for its owner. Raises InputError."""
    manifest = read_manifest(folder)
    return Source(
        manifest=manifest,
        events=lambda: read_events(folder),
        telemetry=lambda: telemetry.read(folder),
        redacted=manifest.published is not None,
    )


def redacted(folder: Path, hidden: Iterable[str] = ()) -> Source:
    """The same run without what is private of it; `hidden` are further names. Raises InputError."""
    source = raw(folder)
    if source.redacted:
        return source
    return without(source, private(source, hidden))


def without(source: Source, private: Private) -> Source:
    """The source as anybody may read it."""
    return Source(
        manifest=_manifest(source.manifest, private),
        events=lambda: (_event(event, private) for event in source.events()),
        telemetry=lambda: (_reading(event, private) for event in source.telemetry()),
        redacted=True,
    )


def private(source: Source, hidden: Iterable[str] = (), prompts: Iterable[str] = ()) -> Private:
    """What is private of this run: the names it wrote down for that, those of servers in
    its options, and those its paths betray."""
    manifest = source.manifest
    named_servers = servers([target.options for target in manifest.plan.suite.targets])
    paths = betrayed(msgspec.to_builtins(manifest, str_keys=True))
    told = (*manifest.private, *hidden, *named_servers, *paths)
    named = sorted_out(told)
    return Private(
        [name for name in named.names if Private([name]).leaves(_format())],
        homes=named.homes,
        devices=_devices(source, manifest),
        prompts=prompts,
    )


@cache
def _format() -> str:
    """The words that every run is written in: a name that is one of them tells nothing."""
    kinds = (Manifest, Event, telemetry.Event)
    return " ".join(word for kind in kinds for word in _words(msgspec.json.schema(kind)))


def _words(schema: Any) -> Iterator[str]:
    """Names of fields, and fixed values."""
    if isinstance(schema, dict):
        yield from (str(name) for name in schema.get("properties", {}))
        yield from (str(word) for word in schema.get("enum", ()))
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _words(each)


def _devices(source: Source, manifest: Manifest) -> dict[str, str]:
    """UUID -> what the device is called, also of those that only probes saw."""
    opened = [each for each in source.telemetry() if isinstance(each, telemetry.Opened)]
    return dict(names((Sitting(each) for each in opened), manifest.plan.machine))


def rewritten(value: T, private: Private) -> T:
    """The same struct with every text in it, keys of mappings too, without what is private."""
    told = _rewritten(msgspec.to_builtins(value, str_keys=True), private)
    return msgspec.convert(told, type(value), str_keys=True)


def _rewritten(told: Any, private: Private) -> Any:
    if isinstance(told, str):
        return private.text(told)
    if isinstance(told, dict):
        kept: dict[str, Any] = {}
        for key, value in told.items():
            kept[_free(private.text(key), kept)] = _rewritten(value, private)
        return kept
    if isinstance(told, list | tuple):
        return [_rewritten(each, private) for each in told]
    return told


def _free(key: str, taken: dict[str, Any]) -> str:
    """Two keys that became one are told apart by a number."""
    number, free = 1, key
    while free in taken:
        number += 1
        free = f"{key} ({number})"
    return free


def _manifest(manifest: Manifest, private: Private) -> Manifest:
    shown = rewritten(replace(manifest, private=()), private)
    return replace(shown, plan=replace(shown.plan, machine=without_programs(shown.plan.machine)))


def _event(event: Event, private: Private) -> Event:
    return event if _usual(event, private) else rewritten(event, private)


def _usual(event: Event, private: Private) -> bool:
    """Whether it is a sample with nothing to take away, as nearly all of a run's million are."""
    if not isinstance(event, SampleTaken):
        return False
    record = event.record
    if record.failure is not None or record.text is not None:
        return False
    told = (event.launch, event.scenario, *(record.finish.native if record.finish else ()))
    return all(map(private.leaves, told))


def _reading(event: telemetry.Event, private: Private) -> telemetry.Event:
    if isinstance(event, telemetry.Tick):
        return event
    shown = rewritten(event, private)
    if isinstance(shown, telemetry.Seen) and shown.machine.value is not None:
        return replace(shown, machine=Reading(without_programs(shown.machine.value)))
    return shown
