"""The fit of a suite's target, as a plan tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import Needs
from crossbench.artifacts.whereabouts import Headed, Unread
from crossbench.errors import HeaderError
from crossbench.fit.advice import HOST, Fit, advise
from crossbench.fit.artifact import shape_of
from crossbench.fit.footprint import DeviceRoom
from crossbench.fit.rooms import supposed, unified_memory
from crossbench.fit.traits import Traits, traits
from crossbench.fit.words import GIB, breakdown, verdict
from crossbench.suite.model import Target

SERVED = "openai"
"""The backend whose engine is behind a server."""


class TargetFit(Struct, frozen=True, kw_only=True):
    """What is known of a target's memory before anything is loaded."""

    fits: bool | None
    """None where it is not known."""
    verdict: str
    devices: tuple[str, ...] = ()
    """What would be held where, a line a device."""
    traits: Traits | None = None
    """What the artifact says of its model; None where its header is not known."""
    needed_bytes: Mapping[str, int] = {}
    """Device -> what would be held there; empty where that is not known."""


def target_fit(
    target: Target, read: Headed | Unread, needs: Needs, rooms: Sequence[DeviceRoom]
) -> TargetFit:
    """Hold a target's artifact against the devices here, or those it says it needs."""
    if target.backend == SERVED:
        return replace(_unknown(_behind(target)), traits=_told(read))
    if isinstance(read, Unread):
        return _unknown(f"{read.reason}; --artifact TARGET=PATH names a copy that lies elsewhere")
    try:
        shape, places = shape_of(read.header), _rooms(target, rooms)
        found = advise(target.backend, target.options, shape, needs, places)
    except HeaderError as error:
        return _unknown(str(error))
    told = traits(read.header, shape)
    if found is None:
        why = f"crossbench has no estimate for backend {target.backend}"
        return replace(_unknown(why), traits=told)
    whence = f" ({read.note})" if read.note else ""
    return TargetFit(
        fits=found.fits,
        verdict=verdict(found) + _enough(found, places) + whence,
        devices=tuple(breakdown(found.estimate)),
        traits=told,
        needed_bytes={each.device: each.bytes for each in found.estimate.footprints},
    )


def _enough(found: Fit, places: Sequence[DeviceRoom]) -> str:
    """The Mac that would do, where there is none; of cards the verdict says it by itself."""
    if found.fits is not None or places[0].kind != "metal":
        return ""
    return f"; a Mac with {-(-unified_memory(found.estimate.bytes) // GIB)} GiB or more would do"


def _behind(target: Target) -> str:
    """Why nothing is foretold of a server's memory."""
    if target.options.get("command"):
        return (
            "the server that crossbench starts for it takes memory here, how much is decided by "
            "the server's own settings"
        )
    return "its server runs already and has the model in memory; a server does not tell how much"


def _told(read: Headed | Unread) -> Traits | None:
    """What an artifact without a verdict says of its model; None where it says nothing."""
    try:
        return traits(read.header, shape_of(read.header)) if isinstance(read, Headed) else None
    except HeaderError:
        return None


def _unknown(why: str) -> TargetFit:
    return TargetFit(fits=None, verdict=f"fit unknown: {why}")


def _rooms(target: Target, rooms: Sequence[DeviceRoom]) -> Sequence[DeviceRoom]:
    """The devices that it would see here; where it needs others, such of unknown size instead."""
    here = sum(room.kind == "cuda" for room in rooms)
    metal = target.needs.platform == "macos-arm64"
    lacks_metal = metal and not any(room.kind == "metal" for room in rooms)
    if target.needs.cuda <= here and not lacks_metal:
        hidden = [room for room in rooms if room.kind == "cuda"][target.needs.cuda or here :]
        return [room for room in rooms if room not in hidden]
    host = [room for room in rooms if room.name == HOST]
    return [*supposed(target.options, cuda=target.needs.cuda, metal=metal), *host]
