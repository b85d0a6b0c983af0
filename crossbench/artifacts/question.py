"""What fetching something from the hub would take, asked of the hub."""

from __future__ import annotations

from crossbench.artifacts import hub
from crossbench.artifacts.cache import Cached
from crossbench.artifacts.choice import chosen
from crossbench.artifacts.disk import free
from crossbench.artifacts.download import missing
from crossbench.artifacts.failure import ArtifactFailure, Unreachable
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.whereabouts import Absent, Fetchable, Purpose


def ask(
    wanted: Hub, purpose: Purpose, settings: HubSettings, patience_s: float
) -> Fetchable | Absent:
    """Sizes of the wanted files, and whether they would be given.

    Raises Transient or Unreachable where the hub does not answer.
    """
    try:
        listing = hub.listing(wanted, settings, patience_s)
        files = listing.of(chosen(wanted, [file.name for file in listing.files], purpose))
        if listing.gated:
            hub.check_access(wanted, settings, patience_s)
        cached = Cached.of(settings.cache, wanted)
        return Fetchable(
            bytes=missing(cached, listing.commit, files),
            files=len(files),
            free=free(settings.cache),
            commit=listing.commit,
            note=None,
        )
    except Unreachable:
        raise
    except ArtifactFailure as error:
        return Absent(str(error))
    except OSError as error:
        return Absent(f"{settings.cache} cannot be read: {error.strerror}; name another by HF_HOME")
