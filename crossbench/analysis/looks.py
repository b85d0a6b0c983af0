"""The facts of the machine as they were read again while a run ran, each with what came next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from crossbench.analysis.sitting import Sitting
from crossbench.journal.events import LaunchStarted
from crossbench.machine.model import Machine
from crossbench.machine.reading import Reading


class Look(Struct, frozen=True):
    """One such reading."""

    launch: str | None
    """The worker that was watched next; None at the end."""
    at_ns: int
    machine: Reading[Machine]


def looks(found: Iterable[Sitting]) -> Iterator[Look]:
    """All of them, in order."""
    for sitting in found:
        for event in sitting.seen:
            later = (each for each in sitting.watched if each.at_ns > event.at_ns and each.launch)
            launch = next((each.launch for each in later), None)
            yield Look(launch, event.at_ns, event.machine)


def before(
    found: Iterable[Look], started: Mapping[str, LaunchStarted]
) -> Mapping[str, Reading[Machine]]:
    """Worker -> the machine as it was last read before that worker was started.

    A reading that took so long that the worker had been started meanwhile is none of these.
    """
    read: dict[str, Reading[Machine]] = {}
    for look in found:
        begun = started.get(look.launch or "")
        if begun is not None and look.at_ns < begun.monotonic_ns:
            read[begun.launch] = look.machine
    return read
