"""The hooks a plugin may implement. Hooks declare; the per-token path never goes through one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pluggy import HookimplMarker, HookspecMarker

from crossbench.api import BackendSpec, Finding, ProbeSpec, ReporterSpec

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

hookspec = HookspecMarker("crossbench")
hookimpl = HookimplMarker("crossbench")


class CrossbenchSpecs:
    """Every hook of contract version 1."""

    @hookspec
    def crossbench_backends(self) -> Iterable[BackendSpec]:  # type: ignore[empty-body]
        """The backends this plugin provides."""

    @hookspec
    def crossbench_lint(self, plan: Plan) -> Iterable[Finding]:  # type: ignore[empty-body]
        """What of a plan makes this plugin's targets unfair, slow or likely to fail."""

    @hookspec
    def crossbench_probes(self) -> Iterable[ProbeSpec]:  # type: ignore[empty-body]
        """Probes of the machine that this plugin provides."""

    @hookspec
    def crossbench_reporters(self) -> Iterable[ReporterSpec]:  # type: ignore[empty-body]
        """Formats of the report that this plugin provides."""
