"""What `crossbench plugins list` shows: each plugin, what it provides, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.doctor import BackendHealth, healths
from crossbench.plugins.origin import Origin, Stage
from crossbench.registry import Registry
from crossbench.report.write import RENDERINGS

PluginState: TypeAlias = Literal["ok", "broken in part", "broken", "switched off"]

FIXES: Mapping[Stage, str] = {
    "contract": "install a version of it that is built for this contract, or another crossbench",
    "import": "make its module import in crossbench's own environment, which has no engine",
    "register": "name and sign its hooks as crossbench.hookspecs does",
    "call": "let the hook answer at once, with an iterable",
    "declaration": "declare what crossbench.api allows",
    "name": "choose another name, or switch one of the two plugins off",
}


class Complaint(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a plugin."""

    stage: Stage
    cause: str
    fix: str


class Listed(Struct, frozen=True, kw_only=True):
    """One installed plugin."""

    plugin: str
    distribution: str
    version: str
    contract: str
    """Version of the contract that it is built for."""
    state: PluginState
    provides: tuple[str, ...] = ()
    """Such as "backend mlx", "probe meter", "format junit" and "lint rules"."""
    complaints: tuple[Complaint, ...] = ()


class BackendListed(Struct, frozen=True, kw_only=True):
    """One backend."""

    backend: str
    plugin: str
    variant: str
    environment: str
    """"ready", "to build" or "not here"."""
    capabilities: tuple[str, ...]
    advice: tuple[str, ...]


class Survey(Struct, frozen=True, kw_only=True):
    """All of them."""

    contract: int
    """The version of the contract that this crossbench speaks."""
    plugins: tuple[Listed, ...]
    backends: tuple[BackendListed, ...]


def survey(registry: Registry, contract: int) -> Survey:
    """Ask every hook but those that need a plan, and look at every environment."""
    provides = _provided(registry)
    present = tuple(_listed(registry, who, provides.get(who, [])) for who in registry.origins)
    return Survey(
        contract=contract,
        plugins=tuple(sorted([*present, *map(_off, registry.disabled)], key=_order)),
        backends=tuple(_backend(registry, health) for health in healths(registry)),
    )


def _provided(registry: Registry) -> Mapping[Origin, list[str]]:
    found: dict[Origin, list[str]] = {}
    for name, backend in sorted(registry.backends.items()):
        found.setdefault(backend.origin, []).append(f"backend {name}")
    for who, kind in _extensions(registry):
        found.setdefault(who, []).append(kind)
    for who in registry.origins:
        if "crossbench_lint" in registry.implemented(who):
            found.setdefault(who, []).append("lint rules")
    return found


def _extensions(registry: Registry) -> Iterator[tuple[Origin, str]]:
    for who, spec in registry.provided_probes():
        yield who, f"probe {spec.name}"
    for name, reporter in registry.reporters(RENDERINGS).items():
        yield reporter.origin, f"format {name}"


def _listed(registry: Registry, who: Origin, provides: list[str]) -> Listed:
    complaints = tuple(
        Complaint(stage=problem.stage, cause=problem.cause, fix=FIXES[problem.stage])
        for problem in registry.problems
        if problem.origin == who
    )
    state: PluginState = "ok"
    if complaints:
        state = "broken in part" if provides else "broken"
    return Listed(
        plugin=who.plugin,
        distribution=who.distribution,
        version=who.version,
        contract=who.contract,
        state=state,
        provides=tuple(provides),
        complaints=complaints,
    )


def _off(who: Origin) -> Listed:
    return Listed(
        plugin=who.plugin,
        distribution=who.distribution,
        version=who.version,
        contract=who.contract,
        state="switched off",
    )


def _order(listed: Listed) -> tuple[str, str]:
    return (listed.plugin, listed.distribution)


def _backend(registry: Registry, health: BackendHealth) -> BackendListed:
    provided = registry.backends[health.backend]
    return BackendListed(
        backend=health.backend,
        plugin=provided.origin.plugin,
        variant=health.variant,
        environment=health.state,
        capabilities=tuple(sorted(item.value for item in provided.spec.capabilities)),
        advice=health.advice,
    )
