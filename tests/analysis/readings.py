"""Readings as a sampling process would have written them, of machines that never were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crossbench.analysis.sitting import Sitting, sittings
from crossbench.api import Channel
from crossbench.machine.telemetry import Closed, Event, Opened, Probed, Tick, Watched

NS = 10**9
CARD = "GPU-0a1b2c3d-0000-1111-2222-333344445555"
ENERGY = Channel(device=CARD, quantity="energy", unit="J", kind="counter", scope="gpu_board")
POWER = Channel(device=CARD, quantity="power", unit="W", kind="gauge", scope="gpu_board")


def events(
    channels: Mapping[Channel, Sequence[float | None]],
    at_s: Iterable[float],
    watched: Mapping[float, str | None] | None = None,
) -> list[Event]:
    """Channel -> its values at the ticks of these seconds; second -> launch that is watched."""
    probed = Probed(name="played", channels=tuple(channels))
    stamps = [round(second * NS) for second in at_s]
    rows = zip(*channels.values(), strict=True) if channels else [()] * len(stamps)
    told: list[Event] = [
        Tick(at_ns=at, took_ns=0, values=tuple(row)) for at, row in zip(stamps, rows, strict=True)
    ]
    told += [Watched(at_ns=round(at * NS), launch=name) for at, name in (watched or {}).items()]
    opened = Opened(at_ns=stamps[0], interval_s=1.0, probes=(probed,))
    closed = Closed(at_ns=stamps[-1], ticks=len(stamps), missed=0, cpu_s=0.5, wall_s=100.0)
    return [opened, *sorted(told, key=_at), closed]


def _at(event: Event) -> tuple[int, bool]:
    return event.at_ns, isinstance(event, Tick)


def sitting(
    channels: Mapping[Channel, Sequence[float | None]],
    at_s: Iterable[float],
    watched: Mapping[float, str | None] | None = None,
) -> Sitting:
    """The one sitting of such events."""
    (found,) = sittings(events(channels, at_s, watched))
    return found
