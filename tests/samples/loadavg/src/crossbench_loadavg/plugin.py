"""The declaration of the probe."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import ProbeSpec
from crossbench.hookspecs import hookimpl


@hookimpl
def crossbench_probes() -> Iterable[ProbeSpec]:
    """One probe."""
    yield ProbeSpec(name="loadavg", factory="crossbench_loadavg.probe:LoadAverage")
