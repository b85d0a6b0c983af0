"""The declaration of the format."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import ReporterSpec
from crossbench.hookspecs import hookimpl


@hookimpl
def crossbench_reporters() -> Iterable[ReporterSpec]:
    """One format."""
    yield ReporterSpec(name="junit", ending="junit.xml", render="crossbench_junit.xml:render")
