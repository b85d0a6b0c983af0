"""A declaration as it should be."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import BackendSpec, Capability, EnvSpec
from crossbench.hookspecs import hookimpl


def declaration(
    factory: str = "tests.testing.fakes.engine:Fake",
    options: str = "tests.testing.fakes.options:FakeOptions",
    without: Iterable[Capability] = (),
) -> BackendSpec:
    """A fake backend; numpy plays the engine that must not be imported."""
    return BackendSpec(
        name="fake",
        factory=factory,
        options=options,
        distributions=("numpy", "crossbench"),
        environments={"host": EnvSpec(requirements=())},
        capabilities=frozenset(Capability) - frozenset(without),
    )


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    yield declaration()
