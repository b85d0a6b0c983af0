"""Bringing an artifact here, whatever it is, before anything is timed."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from crossbench.artifacts import cache, lmstudio, local, ollama
from crossbench.artifacts.patience import Patience
from crossbench.artifacts.reference import Hub, LmStudio, Local, Ollama, Reference, parse
from crossbench.artifacts.settings import HubSettings, hub_settings
from crossbench.artifacts.whereabouts import Absent, Present, Purpose
from crossbench.envs.progress import Progress
from crossbench.errors import ArtifactFailure, Unreachable

TRIES_IN_DOUBT = 2
"""Where what was fetched before will do."""


class Fetched(Struct, frozen=True):
    """An artifact that lies here, whole."""

    path: Path
    """What an engine is given: a file (the first of a model in parts), or a directory."""
    commit: str | None
    """Of a hub repository, 40 hex digits: what its revision was when it was fetched."""
    files: tuple[Path, ...]
    """All that an engine reads of it."""


def fetch(
    written: str,
    progress: Progress,
    *,
    purpose: Purpose = "weights",
    settings: HubSettings | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Have an artifact on this machine.

    A hub's branch is looked up anew, and used as it was fetched before where the hub cannot be
    reached. Raises InputError for a reference that is none, ArtifactFailure for what cannot be had.
    """
    reference = parse(written)
    if isinstance(reference, Hub):
        place = _from_hub(
            reference, purpose, settings or hub_settings(), patience or Patience(), progress
        )
    else:
        place = _here(reference)
    path = Path(place.path)
    try:
        return Fetched(path, place.commit, tuple(local.read_by_engines(path)))
    except OSError as error:
        raise ArtifactFailure(f"{written}: {path} cannot be read: {error.strerror}") from error


def look_here(reference: Local | Ollama | LmStudio) -> Present | Absent:
    """Where something is that only this machine can have."""
    match reference:
        case Local():
            try:
                return local.look(Path(reference.path).expanduser())
            except RuntimeError:
                return Absent(f"{reference}: no home directory is known; give the full path")
        case Ollama():
            return ollama.look(reference)
        case LmStudio():
            return lmstudio.look(reference)


def _here(reference: Reference) -> Present:
    assert not isinstance(reference, Hub)
    found = look_here(reference)
    if isinstance(found, Absent):
        raise ArtifactFailure(found.reason)
    return found


def _from_hub(
    wanted: Hub, purpose: Purpose, settings: HubSettings, patience: Patience, progress: Progress
) -> Present:
    had = cache.find(wanted, settings.cache, purpose)
    if had and (settings.offline or cache.COMMIT.fullmatch(wanted.at)):
        return had
    if settings.offline:
        raise ArtifactFailure(offline(wanted, settings))
    from crossbench.artifacts import download  # noqa: PLC0415  (the network, only where needed)

    hurried = replace(patience, tries=min(patience.tries, TRIES_IN_DOUBT)) if had else patience
    try:
        listing = download.listed(wanted, settings, hurried, progress)
    except Unreachable as error:
        if had is None:
            raise
        progress.line(f"{error}; taking what {wanted.at} was before, {had.commit}")
        return had
    return download.snapshot(wanted, listing, purpose, settings, patience, progress)


def offline(wanted: Hub, settings: HubSettings) -> str:
    """Why something that is not in the cache cannot be had offline."""
    return (
        f"{wanted}: it is not, or not wholly, in {settings.cache}, and HF_HUB_OFFLINE is set; "
        "unset it to fetch, or name a path"
    )
