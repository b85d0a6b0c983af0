"""Where the artifacts of a suite are, without fetching any: quick, and quick without a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping

from crossbench.artifacts import cache
from crossbench.artifacts.disk import free
from crossbench.artifacts.failure import Unreachable
from crossbench.artifacts.fetch import look_here, offline
from crossbench.artifacts.patience import Transient
from crossbench.artifacts.reference import Hub, parse
from crossbench.artifacts.settings import HubSettings, hub_settings
from crossbench.artifacts.whereabouts import Absent, Fetchable, Purpose, Whereabouts

PATIENCE_S = 2.0
"""For all answers of the hub together, name resolution included."""


def look(
    references: Iterable[str],
    *,
    purpose: Purpose = "weights",
    settings: HubSettings | None = None,
    patience_s: float = PATIENCE_S,
) -> Mapping[str, Whereabouts]:
    """Reference as written -> where it is, or what fetching it would take, or why it cannot be had.

    The hub is asked about all that is not here at once; a hub that says nothing in time is no
    error, and sizes are then unknown. Raises InputError for a reference that is none.
    """
    found: dict[str, Whereabouts] = {}
    asked: dict[str, Hub] = {}
    wanted = tuple(dict.fromkeys(references))
    for written in wanted:
        reference = parse(written)
        if not isinstance(reference, Hub):
            found[written] = look_here(reference)
            continue
        settings = settings or hub_settings()
        had = cache.find(reference, settings.cache, purpose)
        if had:
            found[written] = had
        elif settings.offline:
            found[written] = Absent(offline(reference, settings))
        else:
            asked[written] = reference
    if asked:
        assert settings is not None
        found |= _answers(asked, purpose, settings, patience_s)
    return {written: found[written] for written in wanted}


def _answers(
    asked: Mapping[str, Hub], purpose: Purpose, settings: HubSettings, patience_s: float
) -> dict[str, Whereabouts]:
    """Threads, because resolving a name has no timeout; one that hangs is left behind."""
    from crossbench.artifacts import question  # noqa: PLC0415  (the network, only where needed)

    answers: dict[str, Whereabouts] = {}

    def ask(written: str, wanted: Hub) -> None:
        try:
            answers[written] = question.ask(wanted, purpose, settings, patience_s)
        except (Transient, Unreachable) as error:
            answers[written] = _unknown(settings, str(error))

    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in asked.items()]
    until = time.monotonic() + patience_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    silent = f"the hub at {settings.endpoint} did not answer within {patience_s:g} s"
    return {written: answers.get(written) or _unknown(settings, silent) for written in asked}


def _unknown(settings: HubSettings, note: str) -> Fetchable | Absent:
    """What is said of a repository that the hub did not tell about."""
    try:
        room = free(settings.cache)
    except OSError as error:
        return Absent(f"{settings.cache}: {error.strerror}; name another cache by HF_HOME")
    return Fetchable(bytes=None, files=None, free=room, commit=None, note=note)
