"""A repository's wanted files from the hub into the cache of huggingface_hub."""

from __future__ import annotations

import time

from crossbench.artifacts import hub
from crossbench.artifacts.blob import Errand, explained, fetch_blob
from crossbench.artifacts.cache import Cached, missing
from crossbench.artifacts.choice import chosen
from crossbench.artifacts.digest import Digests
from crossbench.artifacts.disk import check_room
from crossbench.artifacts.listing import Listing, RemoteFile
from crossbench.artifacts.meter import Meter
from crossbench.artifacts.patience import Patience
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.sizes import sized
from crossbench.artifacts.whereabouts import Present, Purpose
from crossbench.envs.progress import Progress


def snapshot(
    wanted: Hub,
    listing: Listing,
    purpose: Purpose,
    settings: HubSettings,
    patience: Patience,
    progress: Progress,
) -> Present:
    """Fetch what is wanted of a listed repository and not there yet. Raises ArtifactFailure."""
    files = listing.of(chosen(wanted, [file.name for file in listing.files], purpose))
    cached = Cached.of(settings.cache, wanted)
    errand = Errand(
        wanted=wanted,
        settings=settings,
        commit=listing.commit,
        patience=patience,
        until=time.monotonic() + patience.deadline_s,
        tell=progress.line,
        meter=Meter(progress, sum(file.bytes for file in files)),
    )
    try:
        _bring(errand, cached, files, progress)
        cached.remember(wanted.at, listing.commit)
    except OSError as error:
        raise explained(error, errand, missing(cached, listing.commit, files)) from error
    folder = cached.snapshot(listing.commit)
    return Present(str(folder / files[0].name if wanted.file else folder), listing.commit)


def listed(wanted: Hub, settings: HubSettings, patience: Patience, progress: Progress) -> Listing:
    """What the hub says of a repository now. Raises Unreachable, ArtifactFailure."""
    return patience.insist(
        lambda: hub.listing(wanted, settings, patience.answer_s),
        progress.line,
        until=time.monotonic() + patience.deadline_s,
    )


def _bring(
    errand: Errand, cached: Cached, files: tuple[RemoteFile, ...], progress: Progress
) -> None:
    if left := missing(cached, errand.commit, files):
        check_room(str(errand.wanted), left, errand.settings.cache)
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        progress.started(f"fetching {errand.wanted}: {sized(left)} in {count}")
    locks = errand.settings.cache / ".locks" / cached.folder.name
    digests = Digests()
    for file in files:
        if (cached.snapshot(errand.commit) / file.name).exists():
            errand.meter.skip(file.bytes)
            continue
        fetch_blob(errand, file, cached.blob(file.etag), locks / f"{file.etag}.lock")
        placed = cached.place(file.etag, errand.commit, file.name)
        if file.large:
            digests.learn(placed, file.etag)
    if left:
        progress.finished(f"fetched {errand.wanted} at commit {errand.commit[:12]}")
