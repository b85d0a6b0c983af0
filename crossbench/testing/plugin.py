"""The built-in plugin: the null engine, registered as any other plugin is."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import BackendSpec, Capability, EnvSpec
from crossbench.hookspecs import hookimpl


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    """The null engine, which needs no environment of its own."""
    yield BackendSpec(
        name="null",
        factory="crossbench.testing.null:NullEngine",
        options="crossbench.testing.null:NullOptions",
        distributions=("crossbench",),
        environments={"host": EnvSpec(requirements=())},
        capabilities=frozenset(Capability),
        aspects={"context": "context_tokens"},
    )
