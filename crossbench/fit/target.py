"""The fit of a suite's target, as a plan tells it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from crossbench.api import Needs
from crossbench.artifacts.whereabouts import Present, Whereabouts
from crossbench.fit.advice import HOST, advise
from crossbench.fit.artifact import local_files, shape_of
from crossbench.fit.footprint import DeviceRoom
from crossbench.fit.rooms import supposed
from crossbench.fit.source import HeaderError
from crossbench.fit.words import breakdown, verdict
from crossbench.suite.model import Target


class TargetFit(Struct, frozen=True, kw_only=True):
    """What is known of a target's memory before anything is loaded."""

    fits: bool | None
    """None where it is not known."""
    verdict: str
    devices: tuple[str, ...] = ()
    """What would be held where, a line a device."""


def target_fit(
    target: Target, place: Whereabouts | None, needs: Needs, rooms: Sequence[DeviceRoom]
) -> TargetFit:
    """Hold a target's artifact against the devices here, or those it says it needs."""
    if not isinstance(place, Present):
        return TargetFit(fits=None, verdict="fit unknown: its artifact is not here yet")
    try:
        shape = shape_of(local_files(Path(place.path)))
        found = advise(target.backend, target.options, shape, needs, _rooms(target, rooms))
    except HeaderError as error:
        return TargetFit(fits=None, verdict=f"fit unknown: {error}")
    if found is None:
        return TargetFit(fits=None, verdict=f"fit unknown: backend {target.backend} is not known")
    devices = tuple(breakdown(found.estimate))
    return TargetFit(fits=found.fits, verdict=verdict(found), devices=devices)


def _rooms(target: Target, rooms: Sequence[DeviceRoom]) -> Sequence[DeviceRoom]:
    """The devices here; where the target needs others, devices of unknown size in their place."""
    here = sum(room.kind == "cuda" for room in rooms)
    metal = target.needs.platform == "macos-arm64"
    lacks_metal = metal and not any(room.kind == "metal" for room in rooms)
    if target.needs.cuda <= here and not lacks_metal:
        return rooms
    host = [room for room in rooms if room.name == HOST]
    return [*supposed(target.options, cuda=target.needs.cuda, metal=metal), *host]
