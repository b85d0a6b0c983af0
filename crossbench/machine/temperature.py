"""How hot the hottest device is: the GPUs where there are any, else the processor."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from crossbench.machine import cards

PROCESSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal")
"""Linux's names for the sensors in processors (drivers/hwmon and the device trees)."""
SENSIBLE = range(1, 126)
"""Degrees that a working sensor tells."""


def celsius() -> float | None:
    """Degrees now; None where no probe can read any, as on macOS and in most virtual machines."""
    return max(_gpus(), default=None) or max(_processors(), default=None)


def _gpus() -> Iterator[float]:
    yield from (float(degrees) for degrees in cards.celsius() if degrees in SENSIBLE)


def _processors() -> Iterator[float]:
    read = getattr(psutil, "sensors_temperatures", None)
    for chip, sensors in (read() if read else {}).items():
        if chip in PROCESSORS:
            yield from (each.current for each in sensors if int(each.current) in SENSIBLE)
