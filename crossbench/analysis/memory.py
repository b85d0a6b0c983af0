"""What each target takes of each device: before it, once loaded, and at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from crossbench.analysis import device
from crossbench.analysis.measurements import Measurements
from crossbench.analysis.sitting import Floats, Stay, position
from crossbench.analysis.unread import UNREAD, UNWATCHED
from crossbench.api import Channel, DeviceMemory
from crossbench.machine.model import Machine

SLACK_NS = 50_000_000
"""A reading that was asked for before the first request may come this much behind its start."""
MOST_BYTES = 2.0**60
"""No device holds more; who says so is not believed."""
ENGINE_ONLY = "only its engine calls a device that"
UNTOLD = "the NVIDIA driver does not tell it"
NO_PEAK = "nothing was read while it ran"
CHOSEN = "macOS chooses how much of it may be wired"
NO_BASELINE = "nothing was read before a worker started"
NO_LOADED = "nothing was read between loading and the first request"


class MemoryUse(Struct, frozen=True, kw_only=True):
    """One target on one device, in bytes."""

    target: str
    device: str
    """ "GPU 0" and the like, "memory", "wired memory" and "swap" of the machine, "worker" and
    "worker's swap" of the target's own processes, or a device as only the engine calls it."""
    baseline_bytes: int | None = None
    """In use just before the worker started; median over launches. None where nothing tells."""
    loaded_bytes: int | None = None
    """In use once the model was loaded, before its first request; median over launches."""
    peak_bytes: int | None = None
    """The most that was read while it ran, over all launches."""
    capacity_bytes: int | None = None
    engine: DeviceMemory | None = None
    """The engine's own split, after its last sample where it could still be asked."""
    reasons: tuple[str, ...] = ()
    """Why one of the three, or the capacity, is missing."""


class _Row(Struct, frozen=True, kw_only=True):
    """What of a sitting is one line of the table."""

    device: str
    channel: tuple[str, str]
    """Device and quantity, as probes call them."""
    capacity: int | None = None
    rest_of: int | None = None
    """The channel tells what is left of so much."""
    own: bool = False
    """Nothing of it is there before the worker is."""
    card: bool = False
    """A card, which has a row whether it was read or not."""
    unbounded: str | None = None
    """Why it has no capacity."""


def memory(
    machine: Machine,
    measured: Measurements,
    watched: Mapping[str, Stay],
    targets: Sequence[str],
    absent: str | None = None,
) -> Iterator[MemoryUse]:
    """All targets on all of their devices.

    `absent` is why nothing was read in the whole run, None where something was.
    """
    for target in targets:
        launches = measured.launches_of(target)
        if launches:
            yield from _of_target(machine, measured, watched, target, launches, absent)


def _of_target(
    machine: Machine,
    measured: Measurements,
    watched: Mapping[str, Stay],
    target: str,
    launches: Sequence[str],
    absent: str | None,
) -> Iterator[MemoryUse]:
    engine = _engine(machine, measured, launches)
    stays = {launch: watched[launch] for launch in launches if launch in watched}
    told = {
        (channel.device, channel.quantity)
        for stay in stays.values()
        for channel in stay.sitting.channels
    }
    for row in _rows(machine, measured, launches):
        split = engine.pop(row.device, None)
        if row.channel in told:
            use = _use(row, target, measured, stays)
            if row.device != "worker's swap" or use.peak_bytes:
                yield replace(use, engine=split)
        elif split is not None or row.card:
            yield MemoryUse(
                target=target,
                device=row.device,
                capacity_bytes=row.capacity,
                engine=split,
                reasons=(_unread(row, stays, absent),),
            )
    for name, split in engine.items():
        yield MemoryUse(target=target, device=name, engine=split, reasons=(ENGINE_ONLY,))


def _unread(row: _Row, stays: Mapping[str, Stay], absent: str | None) -> str:
    """Why nobody read it, in the words of the probe that would have."""
    if not stays:
        return absent or UNWATCHED
    probes = [each for stay in stays.values() for each in stay.sitting.probes]
    absences = [each.absent for each in probes if each.name == "nvml" and each.absent]
    if row.card and absences:
        return absences[0]
    return UNTOLD if row.card and any(each.name == "nvml" for each in probes) else UNREAD


def _rows(machine: Machine, measured: Measurements, launches: Sequence[str]) -> Iterator[_Row]:
    loaded = measured.ready[launches[0]].loaded
    used = device.gpus(machine, loaded.devices)
    for place, gpu in enumerate(machine.gpus):
        if gpu.uuid.value and (used is None or place in used):
            yield _Row(
                device=f"GPU {place}",
                channel=(gpu.uuid.value, "memory_used"),
                capacity=gpu.memory_total_bytes.value,
                card=True,
                unbounded=gpu.memory_total_bytes.reason,
            )
    whole, host, apple = machine.memory_bytes, machine.host.value, machine.apple.value
    yield _Row(device="memory", channel=("host", "memory_available"), capacity=whole, rest_of=whole)
    if apple:
        limit = apple.wired_limit_bytes
        yield _Row(
            device="wired memory",
            channel=("host", "memory_wired"),
            capacity=limit.value or None,
            unbounded=CHOSEN if limit.value == 0 else limit.reason,
        )
    yield _Row(device="worker", channel=("worker", "rss"), capacity=whole, own=True)
    if host and host.swap_total_bytes:
        swap = host.swap_total_bytes
        yield _Row(device="swap", channel=("host", "swap_used"), capacity=swap)
        yield _Row(device="worker's swap", channel=("worker", "swap"), capacity=swap, own=True)


def _engine(
    machine: Machine, measured: Measurements, launches: Sequence[str]
) -> dict[str, DeviceMemory]:
    """The engine's own split, by the names of this report."""
    after = (measured.ended[launch].memory for launch in launches if launch in measured.ended)
    split = next(filter(None, after), measured.ready[launches[0]].memory)
    found = {}
    for name, held in split.items():
        number = device.place(machine, name)
        found[name if number is None else f"GPU {number}"] = held
    return found


def _use(row: _Row, target: str, measured: Measurements, stays: Mapping[str, Stay]) -> MemoryUse:
    baselines, loadeds, peaks = [], [], []
    for launch, stay in stays.items():
        column = _column(row, stay)
        if column is None:
            continue
        begun = measured.started[launch].monotonic_ns
        ready = measured.ready[launch]
        before = _between(column, stay, _rested_ns(stay), begun + ready.start_ns)
        baselines += [0.0] if row.own else before[-1:]
        loaded_ns = begun + ready.start_ns + ready.import_ns + ready.load_ns
        if launch in measured.first:
            first_ns = measured.first[launch][1].t0_ns
            loadeds += _between(column, stay, loaded_ns, first_ns + SLACK_NS)[:1]
        peaks += _between(column, stay, stay.begin_ns, stay.end_ns)
    missing = [
        *([] if baselines else [NO_BASELINE]),
        *([] if loadeds else [NO_LOADED]),
        *([] if peaks else [NO_PEAK]),
        *([row.unbounded] if row.unbounded else []),
    ]
    return MemoryUse(
        target=target,
        device=row.device,
        baseline_bytes=int(median(baselines)) if baselines else None,
        loaded_bytes=int(median(loadeds)) if loadeds else None,
        peak_bytes=int(max(peaks)) if peaks else None,
        capacity_bytes=row.capacity,
        reasons=tuple(missing),
    )


def _column(row: _Row, stay: Stay) -> Floats | None:
    for number, channel in enumerate(stay.sitting.channels):
        if _named(channel) == row.channel:
            values = stay.sitting.values(number)
            return values if row.rest_of is None else row.rest_of - values
    return None


def _named(channel: Channel) -> tuple[str, str]:
    return channel.device, channel.quantity


def _rested_ns(stay: Stay) -> int:
    """When whatever ran before the worker was gone."""
    earlier = [event.at_ns for event in stay.sitting.watched if event.at_ns < stay.begin_ns]
    return earlier[-1] if earlier else stay.sitting.opened.at_ns


def _between(column: Floats, stay: Stay, begin_ns: int, end_ns: int) -> list[float]:
    """The readings from one time to the other, in order."""
    stamps = stay.sitting.stamps
    read = column[position(stamps, begin_ns, "left") : position(stamps, end_ns, "right")]
    return [float(value) for value in read if 0 <= value < MOST_BYTES]
