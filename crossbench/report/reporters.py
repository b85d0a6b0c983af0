"""Formats of the report that plugins provide, beside those of `write`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

from crossbench.errors import InputError, PluginFailure
from crossbench.files import replace
from crossbench.plugins.deadline import TooSlow, within
from crossbench.registry import ProvidedReporter
from crossbench.report.model import Report

RENDER_S = 120.0
"""A large report takes our own renderings seconds."""


def rendered(provided: ProvidedReporter, report: Report) -> bytes:
    """The report in a plugin's format. Raises PluginFailure."""
    module, _, name = provided.spec.render.partition(":")
    try:
        with within(RENDER_S):
            made = getattr(importlib.import_module(module), name)(report)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # as at a plugin's import
        slow = isinstance(error, TooSlow)
        told = f"no answer within {RENDER_S:g} s" if slow else f"{type(error).__name__}: {error}"
        raise _failure(provided, told) from error
    if not isinstance(made, bytes):
        raise _failure(provided, f"it gave a {type(made).__name__}; allowed: bytes")
    return made


def write_others(folder: Path, report: Report, reporters: Iterable[ProvidedReporter]) -> list[Path]:
    """Write a report in these formats beside the others of its run, and say where.

    Raises PluginFailure for those that break, once all others are written; InputError where a file
    cannot be written.
    """
    written, broken = [], []
    for provided in reporters:
        path = folder / f"report.{provided.spec.ending}"
        try:
            replace(path, rendered(provided, report))
        except PluginFailure as failure:
            broken.append(str(failure))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        else:
            written.append(path)
    if broken:
        raise PluginFailure("\n".join(broken))
    return written


def _failure(provided: ProvidedReporter, told: str) -> PluginFailure:
    return PluginFailure(f"format {provided.spec.name} of plugin {provided.origin} broke: {told}")
