"""What the artifacts of a suite say of themselves, wherever they are; none is fetched for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from crossbench.artifacts import known
from crossbench.artifacts.at_once import at_once
from crossbench.artifacts.cache import COMMIT
from crossbench.artifacts.reference import Hub, parse
from crossbench.artifacts.remembered import recall, remember
from crossbench.artifacts.settings import HubSettings, hub_settings
from crossbench.artifacts.whereabouts import Absent, Fetchable, Headed, Present, Unread, Whereabouts
from crossbench.errors import ArtifactFailure, HeaderError
from crossbench.headers.files import read_local

PATIENCE_S = 8.0
"""For all headers that a hub which answers has to send."""


def headers(
    places: Mapping[str, Whereabouts],
    *,
    settings: HubSettings | None = None,
    patience_s: float = PATIENCE_S,
) -> Mapping[str, Headed | Unread]:
    """Artifact as written -> its header, or why it is not known; `places` are `look`'s.

    A hub that has just answered is asked for what was not read before; one that has not is left
    alone, and what was read before will do.
    """
    until = time.monotonic() + patience_s
    tasks = {
        written: partial(_header, written, place, settings, until)
        for written, place in places.items()
    }
    found = at_once(tasks, until)
    late = Unread(f"its header did not come within {patience_s:g} s; plan again to go on")
    return {written: found.get(written, late) for written in places}


def _header(
    written: str, place: Whereabouts, settings: HubSettings | None, until: float
) -> Headed | Unread:
    if isinstance(place, Present):
        return _local(Path(place.path))
    wanted = parse(written)
    if not isinstance(wanted, Hub):
        assert isinstance(place, Absent)
        return Unread(place.reason)
    return _of_hub(wanted, place, settings or hub_settings(), until)


def _local(path: Path) -> Headed | Unread:
    try:
        return Headed(read_local(path))
    except HeaderError as error:
        return Unread(str(error))


def _of_hub(
    wanted: Hub, place: Fetchable | Absent, settings: HubSettings, until: float
) -> Headed | Unread:
    had = recall(wanted, settings)
    if isinstance(place, Fetchable) and place.commit is not None:
        if had is not None and had.commit == place.commit:
            return Headed(had.header)
        return _asked(wanted, settings, until)
    if had is not None:
        moves = not COMMIT.fullmatch(wanted.at)
        note = f"by its header at commit {had.commit[:12]}, read before" if moves else None
        return Headed(had.header, note)
    if (published := known.known(wanted)) is not None:
        return Headed(published, known.NOTE)
    if settings.offline:
        return Unread(
            "its header was never read, and HF_HUB_OFFLINE is set; unset it and plan again"
        )
    if isinstance(place, Absent):
        return Unread(_short(wanted, place.reason))
    told = _short(wanted, place.note or "the hub did not answer")
    return Unread(f"its header was never read, and {told}; plan again when it answers")


def _short(wanted: Hub, told: str) -> str:
    """Without the name of the artifact, which a plan tells by its target."""
    return told.removeprefix(f"{wanted}: ")


def _asked(wanted: Hub, settings: HubSettings, until: float) -> Headed | Unread:
    from crossbench.artifacts import remote  # noqa: PLC0415  (the network, only where needed)

    try:
        found = remote.read_header(wanted, settings, until)
    except (ArtifactFailure, HeaderError) as error:
        return Unread(_short(wanted, str(error)))
    remember(wanted, settings, found)
    return Headed(found.header)
