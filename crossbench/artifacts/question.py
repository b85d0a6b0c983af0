"""What fetching something from the hub would take, asked of the hub."""

from __future__ import annotations

from crossbench.artifacts import hub
from crossbench.artifacts.cache import fetchable
from crossbench.artifacts.choice import chosen
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.whereabouts import Absent, Fetchable, Purpose
from crossbench.errors import ArtifactFailure, Unreachable


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
        return fetchable(wanted, settings.cache, listing.commit, files)
    except Unreachable:
        raise
    except ArtifactFailure as error:
        return Absent(str(error))
