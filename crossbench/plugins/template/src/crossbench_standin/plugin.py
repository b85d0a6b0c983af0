"""The declaration: what crossbench knows of the engine without importing it."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import BackendSpec, Capability, EnvSpec
from crossbench.hookspecs import hookimpl


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    """The backend that suites name "standin"."""
    # FILL IN: the engine's distributions and requirements, and what it can do.
    # An environment without requirements is crossbench's own.
    yield BackendSpec(
        name="standin",
        factory="crossbench_standin.engine:Engine",
        options="crossbench_standin.options:Options",
        distributions=("crossbench-standin",),
        environments={"any": EnvSpec(requirements=())},
        capabilities=frozenset({Capability.TOKEN_IDS, Capability.RESET}),
    )
