"""Scripts played to a driver in this process, and figures that were never measured."""

from __future__ import annotations

import asyncio
import os

from msgspec import convert

from crossbench.api import Needs
from crossbench.instrument import scripts
from crossbench.instrument.model import Error, Script, Trial
from crossbench.instrument.trial import judged
from crossbench.testing.null import NullOptions, NullSession
from crossbench.worker import pulse
from crossbench.worker.driver import Driver
from crossbench.worker.pulse import Pulse


def options(script: Script) -> NullOptions:
    return convert(scripts.options(script), NullOptions)


def played(
    script: Script, session: type[NullSession] = NullSession, beat: type[Pulse] = Pulse
) -> Trial:
    """What the instrument says of itself, or of what was planted in it."""
    live = session(options(script), Needs(context_tokens=1 << 20))
    descriptor = pulse.shared()
    shared = beat(descriptor)
    os.close(descriptor)
    try:
        measured = asyncio.run(Driver(live, shared).measure(scripts.measure(script)))
    finally:
        live.close()
        shared.close()
    return judged(script, measured)


def trial(script: Script, *, bias: float = 0.0, came: float | None = None) -> Trial:
    """One with this bias of TPOT and so many tokens a second, and nothing else wrong."""
    fine = Error(bias=0.0, p99_s=0.0001)
    return Trial(
        script=script,
        ttft=fine,
        tpot=Error(bias=bias, p99_s=abs(bias) * script.tpot_s),
        gap=fine,
        handover_p99_s=0.00001,
        lag_p99_s=0.0002,
        tokens_per_s=script.tokens_per_s if came is None else came,
        cpu_s=0.01,
    )
