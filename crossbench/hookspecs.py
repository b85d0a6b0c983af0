"""The hooks a plugin may implement. Hooks declare; the per-token path never goes through one."""

from __future__ import annotations

from collections.abc import Iterable

from pluggy import HookimplMarker, HookspecMarker

from crossbench.api import BackendSpec

hookspec = HookspecMarker("crossbench")
hookimpl = HookimplMarker("crossbench")


class CrossbenchSpecs:
    """Every hook of contract version 1."""

    @hookspec
    def crossbench_backends(self) -> Iterable[BackendSpec]:  # type: ignore[empty-body]
        """The backends this plugin provides."""
