"""The protocol in sentences, as a plan and a report tell it."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.suite.model import Protocol

ENOUGH = 4
"""Launches for an interval that could tell targets a few per cent apart."""


def told(protocol: Protocol, targets: int, *, loaded: bool = False) -> Iterator[str]:
    """What is done with every target; `targets` is how many run side by side, `loaded` whether
    some scenario is under load."""
    yield _burn_in(protocol)
    yield from _launches(protocol, targets)
    warmups = protocol.warmups
    if warmups:
        yield (
            f"warm-up: every launch first goes {_times(warmups)} through each scenario, at full "
            "length and with words that no timed request has"
        )
    else:
        yield "warm-up: none, so the first timed requests carry what engines do only once"
    yield (
        "every timed request has a prompt of its own (a salt as its first content, the length the "
        "same), goes to the engine after its caches are dropped, and counts only with as many "
        "tokens as were asked"
    )
    if loaded:
        yield (
            "under load all requests of a pass run as one measurement, after caches are dropped "
            "once; a pass counts whole or not at all, a request that fails in it is counted"
        )
    yield _sentinel(protocol)
    if protocol.energy:
        yield (
            "energy: where it is told, prefill and decode that took under 10 s are repeated alone "
            "at the end of each launch, until each has filled that; none of it is timed"
        )
    yield from _cooling(protocol)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _burn_in(protocol: Protocol) -> str:
    if not protocol.burn_in:
        return "burn-in: none"
    return (
        "burn-in: a launch of each target goes first and is not counted; it fills file and compile "
        "caches and brings the machine to its working heat"
    )


def _launches(protocol: Protocol, targets: int) -> Iterator[str]:
    count = protocol.launches
    if count == 1:
        yield "launches: 1, so there are ranges and neither an interval nor a ranking"
        return
    yield (
        f"launches: {count} blocks of one launch of each target, every second block in reverse "
        "order"
    )
    if count % 2 and targets > 1:
        yield (
            f"{count} is an odd number of launches: the last block has none in reverse to match "
            "it, and a steady drift does not cancel; an even number is better"
        )
    if count < ENOUGH:
        yield f"{count} launches are too few for an interval that tells targets apart"


def _sentinel(protocol: Protocol) -> str:
    if not protocol.sentinel:
        return "drift sentinel: none"
    return (
        "drift sentinel: at its end a launch measures its first scenario once more; the difference "
        "is held against the spread between launches"
    )


def _cooling(protocol: Protocol) -> Iterator[str]:
    if protocol.cool_down_s:
        yield f"rest: {protocol.cool_down_s:g} s before each launch"
    if protocol.start_below_c is not None:
        yield (
            f"rest: until nothing is hotter than {protocol.start_below_c:g} \u00b0C, at most "
            f"{protocol.deadlines.cool_s:g} s before each launch"
        )
