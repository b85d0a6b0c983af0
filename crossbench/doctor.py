"""What is here and what to fix: this machine, its plugins and their environments."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.envs import environment
from crossbench.envs.build import advice
from crossbench.errors import CrossbenchError
from crossbench.lint.condition import Condition
from crossbench.lint.conditions import conditions
from crossbench.machine.model import Machine
from crossbench.machine.redaction import redacted, scrubbed
from crossbench.registry import Provided, Registry

State: TypeAlias = Literal["ready", "to build", "not here"]


class BackendHealth(Struct, frozen=True, kw_only=True):
    """One backend on this machine."""

    backend: str
    plugin: str
    variant: str
    state: State
    advice: tuple[str, ...]
    """What to do; empty when nothing is."""


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All that the doctor found."""

    machine: Machine
    conditions: tuple[Condition, ...]
    """What of it a measurement would show, and what to change."""
    backends: tuple[BackendHealth, ...]
    problems: tuple[str, ...]
    """Plugins that are left out, with the reason."""


def diagnose(machine: Machine, registry: Registry) -> Diagnosis:
    """Look, and change nothing."""
    return Diagnosis(
        machine=machine,
        conditions=tuple(conditions(machine)),
        backends=tuple(healths(registry)),
        problems=tuple(str(problem) for problem in registry.problems),
    )


def shareable(diagnosis: Diagnosis) -> Diagnosis:
    """The same without host, user, paths, serial numbers and UUIDs."""
    return Diagnosis(
        machine=redacted(diagnosis.machine),
        conditions=diagnosis.conditions,
        backends=tuple(
            replace(item, advice=tuple(scrubbed(tip) for tip in item.advice))
            for item in diagnosis.backends
        ),
        problems=tuple(scrubbed(problem) for problem in diagnosis.problems),
    )


def healths(registry: Registry) -> Iterator[BackendHealth]:
    """Every backend with the state of its environment."""
    for name, provided in sorted(registry.backends.items()):
        try:
            yield _health(name, provided)
        except CrossbenchError as error:
            yield BackendHealth(
                backend=name,
                plugin=str(provided.origin),
                variant="",
                state="not here",
                advice=(str(error),),
            )


def _health(name: str, provided: Provided) -> BackendHealth:
    choice = environment.chosen(provided.spec, None)
    state: State = "ready" if environment.find(provided.spec, None, None) else "to build"
    tips = [f"a better variant lacks a program: {variant}" for variant in choice.nearly]
    if state == "to build":
        tips.append(f"crossbench envs build {name} makes its environment; so does run, if need be")
        tools = choice.environment.build_tools
        tips += [advice(tool, sys.platform) for tool in tools if not shutil.which(tool)]
    return BackendHealth(
        backend=name,
        plugin=str(provided.origin),
        variant=choice.name,
        state=state,
        advice=tuple(tips),
    )
