"""Which levels of a load meet its SLO, how sure that is, and up to which level it goes.

A level meets it where the whole interval of its share of requests lies at 95 % or above, misses it
where all of it lies below, and is open between: too few requests, or launches too different. One
that failed misses it, whatever the launches before had measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from crossbench.analysis.goodput import ATTAINMENT
from crossbench.analysis.metric import Metric
from crossbench.report.load_model import LevelReport
from crossbench.report.words import counted, number, quantity

WANTED = 100 * ATTAINMENT
Shares = Mapping[str, Metric | None]
"""Scenario -> its requests that met the SLO, in percent of all."""


def met(share: Metric | None, *, failure: str | None, left_out: int) -> bool | None:
    """Whether a level meets the SLO; None where that is open."""
    if failure is not None:
        return False
    if share is None or share.ci95 is None:
        return None
    if share.ci95.high < WANTED:
        return False
    return True if share.ci95.low >= WANTED and not left_out else None


def highest(levels: Sequence[LevelReport], shares: Shares) -> LevelReport | None:
    """The last that meets it before the first that speaks against it."""
    found = [level for level in _reached(levels, shares) if level.met]
    return found[-1] if found else None


def verdict(levels: Sequence[LevelReport], shares: Shares) -> str:
    """The same in words, with every level that is open on the way there."""
    if not levels:
        return "no level was measured"
    best, reached = highest(levels, shares), _reached(levels, shares)
    if best is not None and all(level.met for level in levels):
        return f"every level measured meets the SLO, up to {best.words}"
    against = levels[len(reached) : len(reached) + 1]
    named = [level for level in (*reached, *against) if not level.met]
    head = (
        f"the highest level that meets the SLO is {best.words}"
        if best is not None
        else "no level is known to meet the SLO"
    )
    return "; ".join([head, *(_told(level, shares[level.scenario]) for level in named)])


def _reached(levels: Sequence[LevelReport], shares: Shares) -> Sequence[LevelReport]:
    """From the lowest on, before the first that speaks against it. An open one does not, where all
    that it lacks is more requests like those that were made."""
    return [*takewhile(lambda level: _goes_on(level, shares[level.scenario]), levels)]


def _goes_on(level: LevelReport, share: Metric | None) -> bool:
    if level.met is not None:
        return level.met
    known = share is not None and share.value is not None and share.value >= WANTED
    return known and not level.left_out


def _told(level: LevelReport, share: Metric | None) -> str:
    where = f"at {level.words}"
    if level.failure is not None:
        return f"{where} it failed: {level.failure}"
    if level.left_out and level.met is None:
        launches = counted(level.left_out, "launch")
        return f"{where} it is open, as {launches} left that level out"
    if share is None or share.value is None:
        return f"{where} nothing tells"
    word = "" if level.met is False else "it is open: "
    return f"{where} {word}{quantity(share.value, '%')} of requests do{_interval(share)}"


def _interval(share: Metric) -> str:
    if share.ci95 is None:
        return ""
    low, high = number(share.ci95.low), number(share.ci95.high)
    return f" (95 % interval: {low} to {high} %)"
