"""The loads of several runs: which are one, whatever levels each run has of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.report.load_model import LoadReport
from crossbench.report.model import Report, ScenarioReport
from crossbench.report.work import work

Levels: TypeAlias = Mapping[float, ScenarioReport]
"""Level -> its work, without a name."""

KIND = {
    "arrivals": "arrivals",
    "room": "room",
    "slo": "the SLO",
    "attainment": "the share of requests that must meet it",
    "find": "what is left out above a level that missed it",
}
"""Field of a load that all its levels share -> what that is."""


class United(Struct, frozen=True, kw_only=True):
    """One load, and the runs that have it."""

    labels: tuple[str, ...]
    load: LoadReport
    """With the curves of all of them."""
    levels: Levels
    """Those that any of them planned."""


def united(runs: Mapping[str, Report]) -> list[United]:
    """All loads in the order they first come; each joins the first that it does not differ from."""
    found: list[United] = []
    for label, run in runs.items():
        for load in run.loads:
            own = United(labels=(label,), load=load, levels=_levels(run, load))
            place = next((place for place, each in enumerate(found) if _one(each, own)), None)
            if place is None:
                found.append(own)
            else:
                found[place] = _joined(found[place], own)
    return found


def differing(one: United, other: United) -> list[str]:
    """What of two loads is not alike, in words; which levels they have is no difference."""
    told = [
        words
        for name, words in KIND.items()
        if getattr(one.load, name) != getattr(other.load, name)
    ]
    both = one.levels.keys() & other.levels.keys()
    if _asked(one) != _asked(other):
        told.append("prompts or lengths")
    elif any(_requests(one, level) != _requests(other, level) for level in both):
        told.append("requests of a level")
    return told


def _one(one: United, other: United) -> bool:
    return one.load.name == other.load.name and not differing(one, other)


def _joined(one: United, other: United) -> United:
    levels = {**other.levels, **one.levels}
    load = replace(
        one.load,
        requests=tuple(each.load.requests for _, each in sorted(levels.items()) if each.load),
        curves=(*one.load.curves, *other.load.curves),
    )
    return United(labels=(*one.labels, *other.labels), load=load, levels=levels)


def _levels(run: Report, load: LoadReport) -> Levels:
    return {
        each.load.level: replace(work(each), name="")
        for each in run.scenarios
        if each.load is not None and each.load.of == load.name
    }


def _asked(one: United) -> set[ScenarioReport]:
    """Prompts and lengths, which all levels share."""
    return {replace(each, load=None) for each in one.levels.values()}


def _requests(one: United, level: float) -> int:
    load = one.levels[level].load
    return load.requests if load is not None else 0
