"""The rest before a launch: as long as the protocol asks for, or until the machine is cool."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from crossbench.machine.temperature import celsius
from crossbench.suite.model import Protocol

LOOK_EVERY_S = 1.0


class Rest(Struct, frozen=True, kw_only=True):
    """How long the machine rested, and how hot its hottest device then was."""

    seconds: float = 0.0
    celsius: float | None = None


def rest(
    protocol: Protocol,
    told: Callable[[float, float | None], None],
    *,
    read: Callable[[], float | None] = celsius,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Rest:
    """Wait `cool_down_s`, and on until nothing is hotter than `start_below_c`, if that can be read.

    It ends with `deadlines.cool_s`, cool or not. `told` hears the seconds so far and the heat about
    once a second. `read`, `sleep` and `clock` are the machine's own.
    """
    began = clock()
    while True:
        rested, heat = clock() - began, read()
        short = protocol.cool_down_s - rested
        if short <= 0 and (rested >= protocol.deadlines.cool_s or not _hot(protocol, heat)):
            return Rest(seconds=rested, celsius=heat)
        told(rested, heat)
        sleep(min(LOOK_EVERY_S, short) if short > 0 else LOOK_EVERY_S)


def _hot(protocol: Protocol, heat: float | None) -> bool:
    limit = protocol.start_below_c
    return limit is not None and heat is not None and heat > limit
