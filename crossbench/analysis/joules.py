"""Energy of some devices between two times: by their counters, or by the power that was sampled.

A number is given only where it can be trusted; every reason against it opens with its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from crossbench.analysis.sitting import Floats, Sitting, Stamps, position
from crossbench.api import Channel, EnergyScope

NS = 1e9
WINDOW_S = 10.0
"""Cards tell their power as a mean over up to a second: a shorter window is not its own."""
GAP_S = 3.0
AGREEMENT = 0.05
"""How far counter and sampled power may differ."""
CONTRADICTIONS = ("counter-ran-back", "negative-power")
"""A device that tells such a thing is not believed in the other, either."""


class Energy(Struct, frozen=True, kw_only=True):
    """Joules over a window, or the reasons why there are none."""

    joules: float | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


def withheld(*reasons: str) -> Energy:
    """No number, for these reasons."""
    return Energy(reasons=reasons)


def energy(
    sitting: Sitting, scope: EnergyScope, devices: Sequence[str], begin_ns: int, end_ns: int
) -> Energy:
    """Of all these devices together; every one must tell, and over the whole window."""
    seconds = (end_ns - begin_ns) / NS
    if seconds < WINDOW_S:
        return withheld(f"window-too-short: under {WINDOW_S:g} s")
    there = of_scope(sitting, scope)
    if missing := [device for device in devices if device not in there]:
        return withheld(f"device-count: {len(missing)} of {len(devices)} devices tell no energy")
    if not devices:
        return withheld("device-count: no device tells energy")
    parts = [_of_device(sitting, there[device], begin_ns, end_ns) for device in devices]
    reasons = dict.fromkeys(reason for part in parts for reason in part.reasons)
    if reasons:
        return withheld(*reasons)
    return Energy(joules=sum(part.joules or 0.0 for part in parts), seconds=seconds)


def of_scope(sitting: Sitting, scope: EnergyScope) -> Mapping[str, Mapping[str, int]]:
    """Device -> quantity ("energy", "power") -> place of its channel."""
    found: dict[str, dict[str, int]] = {}
    for place, channel in enumerate(sitting.channels):
        if channel.scope == scope and channel.quantity in ("energy", "power"):
            found.setdefault(channel.device, {})[channel.quantity] = place
    return found


def _of_device(sitting: Sitting, places: Mapping[str, int], begin_ns: int, end_ns: int) -> Energy:
    ways = {
        name: _by(sitting, sitting.channels[place], sitting.values(place), begin_ns, end_ns)
        for name, place in places.items()
    }
    reasons = tuple(reason for found in ways.values() for reason in found.reasons)
    if any(reason.startswith(CONTRADICTIONS) for reason in reasons):
        return withheld(*reasons)
    told = {name: found for name, found in ways.items() if found.joules is not None}
    counter, sampled = told.get("energy"), told.get("power")
    if counter and sampled and not _agree(counter.joules or 0.0, sampled.joules or 0.0):
        return withheld(
            f"counter-differs: counter and sampled power differ by over {100 * AGREEMENT:g} %"
        )
    return counter or sampled or withheld(*reasons)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= AGREEMENT * max(one, other)


def _by(sitting: Sitting, channel: Channel, values: Floats, begin_ns: int, end_ns: int) -> Energy:
    """By one channel, from the readings of the window and those just around it."""
    edge_ns = int(GAP_S * NS)
    near = slice(
        position(sitting.stamps, begin_ns - edge_ns, "left"),
        position(sitting.stamps, end_ns + edge_ns, "right"),
    )
    read = ~np.isnan(values[near])
    stamps, kept = sitting.stamps[near][read], values[near][read]
    if reason := _gap(stamps, begin_ns, end_ns):
        return withheld(reason)
    if channel.kind == "counter":
        grown = _unwrapped(kept, channel.wraps_at)
        if grown is None:
            return withheld("counter-ran-back: the energy counter ran backwards")
        begin, end = np.interp([begin_ns, end_ns], stamps, grown)
        return Energy(joules=float(end - begin))
    if (kept < 0).any():
        return withheld("negative-power: power below zero was read")
    inside = (stamps > begin_ns) & (stamps < end_ns)
    at = np.concatenate(([begin_ns], stamps[inside], [end_ns]))
    power = np.interp(at, stamps, kept)
    return Energy(joules=float(np.trapezoid(power, (at - begin_ns) / NS)))


def _gap(stamps: Stamps, begin_ns: int, end_ns: int) -> str | None:
    """Why the readings do not cover the window, or None."""
    first, last = position(stamps, begin_ns, "right") - 1, position(stamps, end_ns, "left")
    if first < 0 or last >= len(stamps):
        return "not-covered: nothing was read around its begin or its end"
    longest = float(np.diff(stamps[first : last + 1]).max()) / NS
    return f"gap: no reading for {longest:.1f} s, over {GAP_S:g} s" if longest > GAP_S else None


def _unwrapped(values: Floats, wraps_at: float | None) -> Floats | None:
    """A counter as if it never began anew; None where it ran backwards."""
    steps = np.diff(values)
    if wraps_at is not None:
        steps = np.where(steps < 0, steps + wraps_at, steps)
    if (steps < 0).any():
        return None
    whole: Floats = np.concatenate(([0.0], np.cumsum(steps)))
    return whole


def idle(sitting: Sitting, scope: EnergyScope, devices: Sequence[str]) -> Energy:
    """What the devices took before the first worker of a sitting was started."""
    if not sitting.watched or not len(sitting.stamps):
        return withheld("no-idle: nothing was read while nothing ran")
    found = energy(sitting, scope, devices, int(sitting.stamps[0]), _last_before(sitting))
    return withheld(*(f"no-idle: {reason}" for reason in found.reasons)) if found.reasons else found


def _last_before(sitting: Sitting) -> int:
    """The last reading before any worker, or the first of all where there is none."""
    before = position(sitting.stamps, sitting.watched[0].at_ns, "right")
    return int(sitting.stamps[max(0, before - 1)])


def scopes(sittings: Iterable[Sitting]) -> list[EnergyScope]:
    """Those that some channel tells of, each once."""
    told = (channel.scope for sitting in sittings for channel in sitting.channels)
    return list(dict.fromkeys(scope for scope in told if scope is not None))
