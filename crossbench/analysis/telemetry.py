"""A run along its time: what its devices did, and how fast its targets were meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import numpy as np
from msgspec import Struct

from crossbench.analysis.measurements import Measurements
from crossbench.analysis.sample import Sample
from crossbench.analysis.sitting import Floats, Sitting, stays
from crossbench.api import Channel
from crossbench.journal.events import LaunchStarted

NS = 1e9
PARTS = 240
"""A run is shown in at most so many equal parts of its time, however long it took."""
LEAST_PART_S = 0.01
LEAST_RATE_S = 0.2
"""Counters are written down by their makers several times a second, not at every reading."""
SAME_CLOCK_S = 3.0
"""Calendar and clock may differ by so much between two launches before the machine restarted."""
RATES = {"energy": ("power", "W"), "cpu_time": ("cores", "cores")}
"""What a counter is shown as: its growth by second."""
UNSHOWN = frozenset({"clock_reasons", "core_throttles", "package_throttles"})
"""Bits, and counts since the machine was started: they have no mean."""
UNRECORDED = "runs of this age read nothing"
SWITCHED_OFF = "it was switched off (--no-probes)"
UNSTARTED = "the process that reads probes did not start"


class Trace(Struct, frozen=True, kw_only=True):
    """One quantity of one device along the run, for each part of `Telemetry.at_s`."""

    device: str
    """Such as "GPU 0", "package-0", "host", or "worker" for the tree of the timed process."""
    quantity: str
    unit: str
    mean: tuple[float | None, ...]
    least: tuple[float | None, ...]
    most: tuple[float | None, ...]


class Pace(Struct, frozen=True, kw_only=True):
    """How fast a launch was in one part of the run's time, over its valid timed samples."""

    target: str
    scenario: str
    launch: str
    at_s: float
    """Mean of the samples' starts."""
    decode_tps: float
    """Tokens after the first chunks over the time from first to last chunks."""
    ttft_s: float
    samples: int


class Watch(Struct, frozen=True, kw_only=True):
    """When one worker process ran."""

    launch: str
    target: str
    begin_s: float
    end_s: float


class ProbeReport(Struct, frozen=True, kw_only=True):
    """One probe: what it read, or why it read nothing."""

    name: str
    quantities: tuple[str, ...]
    absent: str | None


class Telemetry(Struct, frozen=True, kw_only=True):
    """All of it. Times are seconds since the first worker was started."""

    absent: str | None = UNRECORDED
    """Why nothing was read; None where something was."""
    interval_s: float | None = None
    probes: tuple[ProbeReport, ...] = ()
    ticks: int = 0
    missed: int = 0
    """Ticks that were due while one was still being read."""
    core_share: float | None = None
    """What reading took of one processor core; None where a reader did not end by itself."""
    watches: tuple[Watch, ...] = ()
    at_s: tuple[float, ...] = ()
    """Middles of the parts of time that hold a reading."""
    traces: tuple[Trace, ...] = ()
    paces: tuple[Pace, ...] = ()


def telemetry(
    found: Sequence[Sitting], measured: Measurements, names: Mapping[str, str], probing: bool | None
) -> Telemetry:
    """The run along its time. `names`: device as probes call it -> as the report does."""
    clock = _Clock(measured.started)
    watches = tuple(_watches(found, measured, clock))
    part_s = max(LEAST_PART_S, max(_ends(watches, measured, clock), default=0.0) / PARTS)
    at_s, traces = _traces(found, clock, names, part_s)
    shares = [sitting.closed.share for sitting in found if sitting.closed]
    return Telemetry(
        absent=None if found else _absent(probing),
        interval_s=found[0].opened.interval_s if found else None,
        probes=tuple(_probes(found)),
        ticks=sum(len(sitting.ticks) for sitting in found),
        missed=sum(sitting.closed.missed for sitting in found if sitting.closed),
        core_share=max(shares) if len(shares) == len(found) > 0 else None,
        watches=watches,
        at_s=at_s,
        traces=traces,
        paces=tuple(_paces(measured, clock, part_s)),
    )


def _absent(probing: bool | None) -> str:
    if probing is None:
        return UNRECORDED
    return UNSTARTED if probing else SWITCHED_OFF


class _Clock:
    """Seconds since the first worker was started, from the clock that another one was stamped by.

    Where the machine was started again between two launches its clock began anew, and the calendar
    tells, to the second.
    """

    def __init__(self, started: Mapping[str, LaunchStarted]) -> None:
        self._started = started
        self._first = next(iter(started.values()), None)

    def seconds(self, launch: str, at_ns: int) -> float:
        """`at_ns` is of the clock that `launch` was started by."""
        start = self._started[launch]
        assert self._first is not None
        begun = (start.monotonic_ns - self._first.monotonic_ns) / NS
        now, then = start.calendar_s, self._first.calendar_s
        if now is not None and then is not None and abs(begun - (now - then)) > SAME_CLOCK_S:
            begun = now - then
        return begun + (at_ns - start.monotonic_ns) / NS

    def knows(self, launch: str | None) -> bool:
        """Whether the journal tells of that launch."""
        return launch in self._started


def _watches(found: Sequence[Sitting], measured: Measurements, clock: _Clock) -> Iterator[Watch]:
    for launch, stay in stays(found).items():
        if clock.knows(launch):
            yield Watch(
                launch=launch,
                target=measured.started[launch].target,
                begin_s=clock.seconds(launch, stay.begin_ns),
                end_s=clock.seconds(launch, stay.end_ns),
            )


def _ends(watches: Sequence[Watch], measured: Measurements, clock: _Clock) -> Iterator[float]:
    """When launches ended, and when the last sample of each cell began."""
    yield from (watch.end_s for watch in watches)
    for cell in measured.cells.values():
        for sample in cell.samples[-1:]:
            yield clock.seconds(sample.worker, sample.t0_ns)


def _probes(found: Sequence[Sitting]) -> Iterator[ProbeReport]:
    """As the last sitting had them."""
    for probe in found[-1].probes if found else ():
        quantities = dict.fromkeys(channel.quantity for channel in probe.channels)
        yield ProbeReport(name=probe.name, quantities=tuple(quantities), absent=probe.absent)


class _Sums:
    """Over the samples of one launch in one part of the time."""

    def __init__(self) -> None:
        self.samples = self.tokens = 0
        self.at_s = self.seconds = self.ttft_s = 0.0

    def add(self, at_s: float, sample: Sample) -> None:
        self.samples += 1
        self.tokens += sample.later_tokens
        self.at_s += at_s
        self.seconds += sample.decode_s
        self.ttft_s += sample.ttft_s


def _paces(measured: Measurements, clock: _Clock, part_s: float) -> Iterator[Pace]:
    for (target, scenario), cell in measured.cells.items():
        parts: dict[tuple[str, int], _Sums] = defaultdict(_Sums)
        for sample in cell.valid:
            if sample.decode_s > 0:
                at_s = clock.seconds(sample.worker, sample.t0_ns)
                parts[sample.launch, int(at_s / part_s)].add(at_s, sample)
        for (launch, _), sums in parts.items():
            yield Pace(
                target=target,
                scenario=scenario,
                launch=launch,
                at_s=sums.at_s / sums.samples,
                decode_tps=sums.tokens / sums.seconds,
                ttft_s=sums.ttft_s / sums.samples,
                samples=sums.samples,
            )


# Traces


def _traces(
    found: Sequence[Sitting], clock: _Clock, names: Mapping[str, str], part_s: float
) -> tuple[tuple[float, ...], tuple[Trace, ...]]:
    """The middles of the parts that hold a reading, and every quantity along them."""
    columns: dict[tuple[str, str, str], dict[int, list[float]]] = {}
    parts: set[int] = set()
    for sitting in found:
        watched = [event for event in sitting.watched if clock.knows(event.launch)]
        if not watched or not len(sitting.stamps):
            continue
        launch, at_ns = str(watched[0].launch), watched[0].at_ns
        seconds = clock.seconds(launch, at_ns) + (sitting.stamps - at_ns) / NS
        places = np.floor(seconds / part_s).astype(int)
        parts |= set(places.tolist())
        for name, values in _shown(sitting, seconds, names):
            column = columns.setdefault(name, defaultdict(list))
            for place, value in zip(places.tolist(), values.tolist(), strict=True):
                if not isnan(value):
                    column[place].append(value)
    order = sorted(parts)
    at_s = tuple((part + 0.5) * part_s for part in order)
    return at_s, tuple(_trace(name, column, order) for name, column in columns.items())


def _trace(
    name: tuple[str, str, str], column: Mapping[int, Sequence[float]], order: Sequence[int]
) -> Trace:
    device, quantity, unit = name
    groups = [column.get(part) for part in order]
    return Trace(
        device=device,
        quantity=quantity,
        unit=unit,
        mean=tuple(_short(sum(group) / len(group)) if group else None for group in groups),
        least=tuple(_short(min(group)) if group else None for group in groups),
        most=tuple(_short(max(group)) if group else None for group in groups),
    )


def _short(value: float) -> float:
    """Six digits: more than any probe is worth, and a third of what a file would hold."""
    return float(f"{value:.6g}")


def _shown(
    sitting: Sitting, seconds: Floats, names: Mapping[str, str]
) -> Iterator[tuple[tuple[str, str, str], Floats]]:
    """Each gauge as it is, each counter as its growth, where no gauge tells the same."""
    gauges = {(each.device, each.quantity) for each in sitting.channels if each.kind == "gauge"}
    for place, channel in enumerate(sitting.channels):
        device, values = names.get(channel.device, channel.device), sitting.values(place)
        if channel.quantity in UNSHOWN:
            continue
        if channel.quantity not in RATES:
            yield (device, channel.quantity, channel.unit), values
            continue
        quantity, unit = RATES[channel.quantity]
        if (channel.device, quantity) not in gauges:
            yield (device, quantity, unit), _growth(channel, seconds, values)


def _growth(channel: Channel, seconds: Floats, values: Floats) -> Floats:
    """By second since the reading before that is far enough away; NaN where there is none."""
    grown = np.full(len(values), np.nan)
    before = 0
    for place in range(1, len(values)):
        if seconds[place] - seconds[before] < LEAST_RATE_S:
            continue
        change = values[place] - values[before]
        if change < 0 and channel.wraps_at is not None:
            change += channel.wraps_at
        grown[place] = change / (seconds[place] - seconds[before]) if change >= 0 else np.nan
        before = place
    return grown
