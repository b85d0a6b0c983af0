"""How long this machine has slept: a sample across a suspension is no sample."""

from __future__ import annotations

import time

_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_AWAKE_ONLY = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)


def suspended_ns() -> int:
    """Nanoseconds asleep since boot, up to a constant.

    Linux: CLOCK_BOOTTIME counts sleep and CLOCK_MONOTONIC does not (clock_gettime(2)). macOS:
    CLOCK_MONOTONIC counts it and CLOCK_UPTIME_RAW does not (its clock_gettime(3)).
    """
    return time.clock_gettime_ns(_ASLEEP_TOO) - time.clock_gettime_ns(_AWAKE_ONLY)
