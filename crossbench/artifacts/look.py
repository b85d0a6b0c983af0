"""Where the artifacts of a suite are, without fetching any: quick, and quick without a network."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial

from crossbench.artifacts import cache
from crossbench.artifacts.at_once import at_once
from crossbench.artifacts.disk import free
from crossbench.artifacts.fetch import look_here, offline
from crossbench.artifacts.patience import Transient
from crossbench.artifacts.reference import Hub, parse
from crossbench.artifacts.remembered import recall
from crossbench.artifacts.settings import HubSettings, hub_settings
from crossbench.artifacts.whereabouts import Absent, Fetchable, Purpose, Whereabouts
from crossbench.errors import Unreachable

PATIENCE_S = 1.2
"""For all answers of the hub together, name resolution included."""

Wanted = tuple[str, Purpose]
"""A reference as written, and what of it is wanted."""


def look(
    references: Iterable[str],
    *,
    purpose: Purpose = "weights",
    settings: HubSettings | None = None,
    patience_s: float = PATIENCE_S,
) -> Mapping[str, Whereabouts]:
    """Reference as written -> where it is, or what fetching it would take, or why it cannot be had.

    Raises InputError for a reference that is none.
    """
    wanted = [(written, purpose) for written in references]
    found = look_for(wanted, settings=settings, patience_s=patience_s)
    return {written: where for (written, _), where in found.items()}


def look_for(
    wanted: Iterable[Wanted],
    *,
    settings: HubSettings | None = None,
    patience_s: float = PATIENCE_S,
) -> Mapping[Wanted, Whereabouts]:
    """`look`, for several purposes at once.

    The hub is asked about all that is not here at the same time, but for pinned revisions that it
    told of before; a hub that says nothing in time is no error, and sizes are then unknown.
    """
    found: dict[Wanted, Whereabouts] = {}
    asked: dict[Wanted, Hub] = {}
    wanted = tuple(dict.fromkeys(wanted))
    for each in wanted:
        written, purpose = each
        reference = parse(written)
        if not isinstance(reference, Hub):
            found[each] = look_here(reference)
            continue
        settings = settings or hub_settings()
        if known := _unasked(reference, purpose, settings):
            found[each] = known
        else:
            asked[each] = reference
    if asked:
        assert settings is not None
        found |= _answers(asked, settings, patience_s)
    return {each: found[each] for each in wanted}


def _unasked(wanted: Hub, purpose: Purpose, settings: HubSettings) -> Whereabouts | None:
    """What can be said without asking the hub."""
    if had := cache.find(wanted, settings.cache, purpose):
        return had
    if settings.offline:
        return Absent(offline(wanted, settings))
    pinned = purpose == "weights" and cache.COMMIT.fullmatch(wanted.at)
    if pinned and (told := recall(wanted, settings)):
        return cache.fetchable(wanted, settings.cache, told.commit, told.files)
    return None


def _answers(
    asked: Mapping[Wanted, Hub], settings: HubSettings, patience_s: float
) -> dict[Wanted, Whereabouts]:
    from crossbench.artifacts import question  # noqa: PLC0415  (the network, only where needed)

    def ask(wanted: Hub, purpose: Purpose) -> Whereabouts:
        try:
            return question.ask(wanted, purpose, settings, patience_s)
        except (Transient, Unreachable) as error:
            return _unknown(settings, str(error))

    tasks = {each: partial(ask, reference, each[1]) for each, reference in asked.items()}
    answers = at_once(tasks, time.monotonic() + patience_s)
    silent = f"the hub at {settings.endpoint} did not answer within {patience_s:g} s"
    return {each: answers.get(each) or _unknown(settings, silent) for each in asked}


def _unknown(settings: HubSettings, note: str) -> Fetchable | Absent:
    """What is said of a repository that the hub did not tell about."""
    try:
        room = free(settings.cache)
    except OSError as error:
        return Absent(f"{settings.cache}: {error.strerror}; name another cache by HF_HOME")
    return Fetchable(bytes=None, files=None, free=room, commit=None, note=note)
