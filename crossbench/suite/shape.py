"""Load shapes: what a scenario's keys mean together, and how many requests a level needs.

A level is told from its steady window, which must hold `STEADY` requests of each stream. In a
closed loop of c users it ends when the first user has no next request: c - 1 requests are then
still on their way, so that a pass of n requests has n - c + 1 in its window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from crossbench.suite.expand import a_second, listed, users
from crossbench.suite.model import Load, Prompt
from crossbench.suite.positions import KeyPath
from crossbench.suite.tables.scenario import ScenarioTable, Slo
from crossbench.suite.validate import Fault

STEADY = 3
"""Requests of each stream that a steady window holds at least."""
LEAST_ARRIVALS = 8
"""Of an open loop, whatever its rate: fewer are no rate."""
USUAL_ARRIVALS, USUAL_ARRIVALS_S = 64, 30.0
"""Of an open loop where the suite names no number: so many, or so many seconds of them."""
USUAL_ROOM = 32


def least_requests(concurrency: int) -> int:
    """Requests of a closed loop that fill its steady window."""
    return (STEADY + 1) * concurrency - 1


def load(
    table: ScenarioTable,
    name: str,
    concurrency: int | None,
    rate: float | None,
    prompts: Sequence[Prompt],
) -> Load | None:
    """One level of a scenario whose keys are sound, expanded under that name; None where it has no
    load."""
    if concurrency is None and rate is None:
        return None
    requests = table.requests or _usual_requests(concurrency, rate, len(prompts))
    return Load(
        of=_without_level(name, table, concurrency, rate),
        concurrency=concurrency,
        rate=rate,
        arrivals=table.arrivals or "poisson",
        requests=requests,
        room=None if rate is None else min(table.room or USUAL_ROOM, requests),
        slo=table.slo,
        find=table.find is not None,
    )


def _without_level(
    name: str, table: ScenarioTable, concurrency: int | None, rate: float | None
) -> str:
    """A single level gives no part of a name."""
    if concurrency is not None and len(listed(table.concurrency)) > 1:
        return name.removesuffix(f"-{users(concurrency)}")
    if rate is not None and len(listed(table.rate)) > 1:
        return name.removesuffix(f"-{a_second(rate)}")
    return name


def _usual_requests(concurrency: int | None, rate: float | None, prompts: int) -> int:
    """Enough for the steady window, and each prompt as often as any other."""
    wanted = (STEADY + 1) * (concurrency or 1)
    if rate is not None:
        wanted = max(USUAL_ARRIVALS, math.ceil(USUAL_ARRIVALS_S * rate))
    return -(-wanted // prompts) * prompts


def load_faults(
    tables: Mapping[KeyPath, ScenarioTable], prompts: Mapping[KeyPath, Sequence[Prompt]]
) -> Iterator[Fault]:
    """Keys of a load that contradict each other, or that stand without what they belong to."""
    for at, table in tables.items():
        yield from _lonely(at, table)
        both = table.concurrency is not None and table.rate is not None
        if both:
            yield Fault((*at, "rate"), "found a rate beside concurrency", "expected one of them")
        elif table.requests is not None and (table.concurrency or table.rate):
            yield from _few(at, table, table.requests, len(prompts[at]))
        if table.slo == Slo():
            found = "found a table without a limit"
            yield Fault((*at, "slo"), found, "expected ttft_s, tpot_s or e2e_s, in seconds")
        if table.find is not None and table.slo is None:
            allowed = "expected one beside it, such as slo = { ttft_s = 2.0 }"
            yield Fault((*at, "find"), "found nothing to find: there is no slo", allowed)


def _lonely(at: KeyPath, table: ScenarioTable) -> Iterator[Fault]:
    if table.rate is None:
        for key in ("arrivals", "room"):
            if getattr(table, key) is not None:
                allowed = "expected a rate beside it, such as rate = 2.0"
                yield Fault((*at, key), f"found {key} without a rate", allowed)
    if table.rate is None and table.concurrency is None:
        for key in ("requests", "slo"):
            if getattr(table, key) is not None:
                allowed = "expected concurrency or rate beside it"
                yield Fault((*at, key), f"found {key} without a load", allowed)


def _few(at: KeyPath, table: ScenarioTable, requests: int, prompts: int) -> Iterator[Fault]:
    """Too few requests for the highest level, or for each prompt to be sent."""
    most = None if table.concurrency is None else max(listed(table.concurrency))
    least = LEAST_ARRIVALS if most is None else least_requests(most)
    place = (*at, "requests")
    if requests < least and most is not None:
        allowed = f"expected at least {least}, so that {STEADY} of each end while all are busy"
        yield Fault(place, f"found {requests}, too few for {_users(most)}", allowed)
    elif requests < least:
        yield Fault(place, f"found {requests}, too few to be a rate", f"expected at least {least}")
    elif requests < prompts:
        allowed = f"expected at least {prompts}, or fewer prompts"
        yield Fault(place, f"found {requests}, fewer than there are prompts", allowed)


def _users(count: int) -> str:
    return "1 user" if count == 1 else f"{count} users"
