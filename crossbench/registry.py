"""Discovery of plugins, one by one, so that a broken one is named and hurts nobody else.

Every entry point of the group `crossbench.v1` is loaded on its own, registered on its own and asked
for its backends on its own. Whatever goes wrong becomes a `PluginProblem` with the plugin, its
distribution and version, the stage, and the cause.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Set
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Literal, TypeAlias

import msgspec
import pluggy
from msgspec import Struct

from crossbench.api import CONTRACT, ENTRY_POINT_GROUP, BackendSpec, Finding, ProbeSpec
from crossbench.errors import InputError
from crossbench.hookspecs import CrossbenchSpecs
from crossbench.machine.probes import BUILT_IN
from crossbench.plan.model import Plan
from crossbench.suggest import suggestion

GROUP_PREFIX = "crossbench.v"

Stage: TypeAlias = Literal["contract", "import", "register", "call", "declaration", "name"]


class Origin(Struct, frozen=True, kw_only=True, order=True):
    """Where a plugin comes from."""

    plugin: str
    """Name of its entry point."""
    distribution: str
    version: str

    def __str__(self) -> str:
        """`plugin (distribution version)`."""
        return f"{self.plugin} ({self.distribution} {self.version})"


class PluginProblem(Struct, frozen=True, kw_only=True):
    """Why a plugin, or one backend of it, is left out."""

    origin: Origin
    stage: Stage
    cause: str

    def __str__(self) -> str:
        """One sentence for the user."""
        return f"plugin {self.origin} is left out at stage {self.stage!r}: {self.cause}"


class Provided(Struct, frozen=True, kw_only=True):
    """A backend and who provides it."""

    spec: BackendSpec
    origin: Origin


class _Broken(Exception):
    """A stage failed; the message is the cause."""

    def __init__(self, stage: Stage, cause: str) -> None:
        super().__init__(cause)
        self.stage: Stage = stage


class Registry:
    """The plugins of this interpreter: what they provide and what is wrong with them."""

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        """Load the given entry points, or those installed."""
        self.origins: list[Origin] = []
        self.problems: list[PluginProblem] = []
        self.backends: dict[str, Provided] = {}
        self._plugins: list[tuple[Origin, object]] = []
        self._manager = pluggy.PluginManager("crossbench")
        self._manager.add_hookspecs(CrossbenchSpecs)
        for point in sorted(_installed() if points is None else points, key=_by_name):
            self._admit(point)

    def backend(self, name: str) -> Provided:
        """The backend of that name. Raises InputError with what is there and what is broken."""
        try:
            return self.backends[name]
        except KeyError:
            known = ", ".join(sorted(self.backends)) or "none"
            message = f"unknown backend {name!r}{suggestion(name, self.backends)}; known: {known}"
            broken = "".join(f"\n  {problem}" for problem in self.problems)
            raise InputError(message + broken) from None

    def _admit(self, point: EntryPoint) -> None:
        origin = _origin(point)
        self.origins.append(origin)
        try:
            plugin = _import(point)
            self._register(plugin, origin)
            self._plugins.append((origin, plugin))
            declared = self._declared(plugin)
        except _Broken as broken:
            self._report(origin, broken.stage, str(broken))
            return
        for spec in declared:
            self._provide(spec, origin)

    def _register(self, plugin: object, origin: Origin) -> None:
        _check_hook_names(self._manager, plugin)
        try:
            self._manager.register(plugin, name=str(origin))
        except Exception as error:  # pluggy inspects a stranger's objects
            raise _Broken("register", _named(error)) from error

    def findings(self, plan: Plan) -> list[Finding]:
        """What every plugin finds in a plan; one that breaks is named in `problems`."""
        found: list[Finding] = []
        for origin, plugin in self._plugins:
            try:
                found += self._found(plugin, plan)
            except _Broken as broken:
                self._report(origin, broken.stage, str(broken))
        return found

    def probes(self) -> tuple[ProbeSpec, ...]:
        """Our own probes and those of every plugin; one that breaks is named in `problems`."""
        found = list(BUILT_IN)
        for origin, plugin in self._plugins:
            try:
                found += self._probes(plugin, {spec.name for spec in found})
            except _Broken as broken:
                self._report(origin, broken.stage, str(broken))
        return tuple(found)

    def _probes(self, plugin: object, taken: Set[str]) -> list[ProbeSpec]:
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        hook = self._manager.subset_hook_caller("crossbench_probes", others)
        try:
            answers = [spec for answer in hook() for spec in answer]
            specs = [msgspec.convert(msgspec.to_builtins(each), ProbeSpec) for each in answers]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as at import
            raise _Broken("call", f"crossbench_probes: {_named(error)}") from error
        for spec in specs:
            if not (_is_name(spec.name) and _is_reference(spec.factory)):
                raise _Broken("declaration", f"probe {spec.name!r} with factory {spec.factory!r}")
            if spec.name in taken:
                raise _Broken("name", f"probe {spec.name!r} is already provided")
        return specs

    def _found(self, plugin: object, plan: Plan) -> list[Finding]:
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        hook = self._manager.subset_hook_caller("crossbench_lint", others)
        try:
            answers = [finding for answer in hook(plan=plan) for finding in answer]
            return [msgspec.convert(msgspec.to_builtins(each), Finding) for each in answers]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as at import
            raise _Broken("call", f"crossbench_lint: {_named(error)}") from error

    def _declared(self, plugin: object) -> list[BackendSpec]:
        """What this plugin alone yields."""
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        hook = self._manager.subset_hook_caller("crossbench_backends", others)
        try:
            return [spec for answer in hook() for spec in _listed(answer)]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as at import
            raise _Broken("call", f"crossbench_backends: {_named(error)}") from error

    def _provide(self, spec: object, origin: Origin) -> None:
        try:
            checked = _checked(spec)
        except _Broken as broken:
            self._report(origin, broken.stage, str(broken))
            return
        if other := self.backends.get(checked.name):
            cause = f"backend {checked.name!r} is already provided by {other.origin}"
            self._report(origin, "name", cause)
            return
        self.backends[checked.name] = Provided(spec=checked, origin=origin)

    def _report(self, origin: Origin, stage: Stage, cause: str) -> None:
        self.problems.append(PluginProblem(origin=origin, stage=stage, cause=cause))


def _installed() -> list[EntryPoint]:
    every = entry_points()
    return [
        point
        for group in every.groups
        if group.startswith(GROUP_PREFIX)
        for point in every.select(group=group)
    ]


def _by_name(point: EntryPoint) -> tuple[str, str, str]:
    return (point.name, point.group, point.value)


def _origin(point: EntryPoint) -> Origin:
    distribution = point.dist
    return Origin(
        plugin=point.name,
        distribution=distribution.name if distribution else "unknown distribution",
        version=distribution.version if distribution else "unknown version",
    )


def _import(point: EntryPoint) -> object:
    if point.group != ENTRY_POINT_GROUP:
        declared = point.group.removeprefix(GROUP_PREFIX)
        raise _Broken(
            "contract",
            f"it is built for contract v{declared}; this crossbench speaks v{CONTRACT}",
        )
    try:
        plugin = point.load()
        return plugin() if inspect.isclass(plugin) else plugin
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise what is no Exception, such as a Rust panic
        raise _Broken("import", f"{point.value}: {_named(error)}") from error


def _check_hook_names(manager: pluggy.PluginManager, plugin: object) -> None:
    """A misspelt hook would be silently ignored; here it is an error."""
    known = [name for name in vars(CrossbenchSpecs) if name.startswith("crossbench_")]
    found = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in found:
        if name not in known:
            raise _Broken(
                "register",
                f"unknown hook {name!r}{suggestion(name, known)}; known: {', '.join(known)}",
            )
    if not found:
        kind = "module" if isinstance(plugin, ModuleType) else type(plugin).__name__
        raise _Broken("register", f"the {kind} implements no hook; known: {', '.join(known)}")


def _listed(answer: object) -> list[Any]:
    if isinstance(answer, BackendSpec):
        raise TypeError("it returned a BackendSpec; allowed is an iterable of them")
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        raise TypeError(f"it returned a {type(answer).__name__}; allowed: iterable of BackendSpec")
    return list(answer)


def _checked(spec: object) -> BackendSpec:
    """The spec, if it is one a suite can name and a worker can load. Raises _Broken."""
    if not isinstance(spec, BackendSpec):
        raise _Broken("declaration", f"it yielded a {type(spec).__name__}; allowed: BackendSpec")
    try:
        spec = msgspec.convert(msgspec.to_builtins(spec), BackendSpec)
    except (msgspec.ValidationError, TypeError) as error:
        raise _Broken("declaration", f"its BackendSpec is wrong: {error}") from error
    rules: list[tuple[bool, str]] = [
        (_is_name(spec.name), f"backend name {spec.name!r}; allowed: a-z, 0-9 and dashes"),
        (_is_reference(spec.factory), f"factory {spec.factory!r}; allowed: 'package.module:Class'"),
        (
            _is_reference(spec.options),
            f"options {spec.options!r}; allowed: 'package.module:Struct'",
        ),
        (bool(spec.environments), "no environment; at least one variant is needed"),
        (
            all(_is_name(variant) for variant in spec.environments),
            f"variants {', '.join(spec.environments)}; allowed: a-z, 0-9 and dashes",
        ),
    ]
    for kept, cause in rules:
        if not kept:
            raise _Broken("declaration", cause)
    return spec


def _is_name(name: object) -> bool:
    return (
        isinstance(name, str)
        and name.isascii()
        and name.replace("-", "").isalnum()
        and name == name.lower()
        and not name.startswith("-")
    )


def _is_reference(reference: object) -> bool:
    return (
        isinstance(reference, str)
        and reference.count(":") == 1
        and all(part.isidentifier() for part in reference.replace(":", ".").split("."))
    )


def _named(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
