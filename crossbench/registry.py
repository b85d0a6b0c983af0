"""Discovery of plugins, one by one, so that a broken one is named and hurts nobody else.

Every entry point of the group `crossbench.v1` is loaded on its own, registered on its own and asked
on its own. Whatever goes wrong becomes a `PluginProblem` with the plugin, its distribution and
version, the stage, and the cause. One that takes its time is left behind after `PATIENCE_S`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar

import pluggy
from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import (
    CONTRACT,
    ENTRY_POINT_GROUP,
    BackendSpec,
    Finding,
    ProbeSpec,
    ReporterSpec,
)
from crossbench.errors import InputError
from crossbench.hookspecs import CrossbenchSpecs
from crossbench.machine.probes import BUILT_IN
from crossbench.plan.model import Plan
from crossbench.plugins.deadline import TooSlow, within
from crossbench.plugins.declared import checked, listed
from crossbench.plugins.origin import Broken, Origin, PluginProblem, Stage, origin
from crossbench.plugins.switch import VARIABLE, installed, is_off, switched_off
from crossbench.secrets import unsaid
from crossbench.suggest import suggestion

__all__ = ["Origin", "PluginProblem", "Provided", "ProvidedReporter", "Registry"]

T = TypeVar("T", bound=Struct)
PATIENCE_S = 20.0
"""For a plugin to be imported, or to answer one hook; an import takes milliseconds."""


class Provided(Struct, frozen=True, kw_only=True):
    """A backend and who provides it."""

    spec: BackendSpec
    origin: Origin


class ProvidedReporter(Struct, frozen=True, kw_only=True):
    """A format of the report and who provides it."""

    spec: ReporterSpec
    origin: Origin


class Registry:
    """The plugins of this interpreter: what they provide and what is wrong with them."""

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        """Load the given entry points, or those installed, without those that are switched off."""
        self.origins: list[Origin] = []
        self.disabled: list[Origin] = []
        self.problems: list[PluginProblem] = []
        self.backends: dict[str, Provided] = {}
        self._plugins: list[tuple[Origin, object]] = []
        self._manager = pluggy.PluginManager("crossbench")
        self._manager.add_hookspecs(CrossbenchSpecs)
        off = switched_off()
        for point in sorted(installed() if points is None else points, key=_by_name):
            if is_off(point, off):
                self.disabled.append(origin(point))
            else:
                self._admit(point)

    def backend(self, name: str) -> Provided:
        """The backend of that name. Raises InputError with what is there and what is broken."""
        try:
            return self.backends[name]
        except KeyError:
            known = ", ".join(sorted(self.backends)) or "none"
            message = f"unknown backend {name!r}{suggestion(name, self.backends)}; known: {known}"
            raise InputError(message + self._told()) from None

    def findings(self, plan: Plan) -> list[Finding]:
        """What every plugin finds in a plan; one that breaks is named in `problems`."""
        return [found for who, _ in self._plugins for found in self.findings_of(who, plan)]

    def findings_of(self, who: Origin, plan: Plan) -> list[Finding]:
        """What one plugin finds."""
        asked = [plugin for each, plugin in self._plugins if each == who]
        return [
            replace(found, evidence=unsaid(found.evidence), fix=unsaid(found.fix))
            for plugin in asked
            for found in self._contained(who, plugin, "crossbench_lint", Finding, plan=plan)
        ]

    def probes(self) -> tuple[ProbeSpec, ...]:
        """Our own probes and those of every plugin; one that breaks is named in `problems`."""
        return (*BUILT_IN, *(spec for _, spec in self.provided_probes()))

    def provided_probes(self) -> list[tuple[Origin, ProbeSpec]]:
        """The probes of plugins, each with who provides it."""
        taken, found = {spec.name for spec in BUILT_IN}, []
        for who, plugin in self._plugins:
            for spec in self._contained(who, plugin, "crossbench_probes", ProbeSpec):
                if spec.name in taken:
                    self._report(who, "name", f"probe {spec.name!r} is already provided")
                else:
                    taken.add(spec.name)
                    found.append((who, spec))
        return found

    def reporters(self, taken: Iterable[str] = ()) -> Mapping[str, ProvidedReporter]:
        """Formats of every plugin; one that breaks, or takes a name, is named in `problems`."""
        own, found = set(taken), dict[str, ProvidedReporter]()
        for who, plugin in self._plugins:
            for spec in self._contained(who, plugin, "crossbench_reporters", ReporterSpec):
                if spec.name in own or spec.name in found:
                    self._report(who, "name", f"format {spec.name!r} is already provided")
                else:
                    found[spec.name] = ProvidedReporter(spec=spec, origin=who)
        return found

    def implemented(self, who: Origin) -> list[str]:
        """The hooks that a plugin implements."""
        found = [plugin for each, plugin in self._plugins if each == who]
        return [name for plugin in found for name in _hooks(self._manager, plugin)]

    def _told(self) -> str:
        """What is broken or switched off, a line each."""
        lines = [str(problem) for problem in self.problems]
        lines += [f"plugin {who} is switched off ({VARIABLE})" for who in self.disabled]
        return "".join(f"\n  {line}" for line in lines)

    def _admit(self, point: EntryPoint) -> None:
        who = origin(point)
        self.origins.append(who)
        try:
            plugin = _import(point)
            self._register(plugin, who)
        except Broken as broken:
            self._report(who, broken.stage, str(broken))
            return
        self._plugins.append((who, plugin))
        for spec in self._contained(who, plugin, "crossbench_backends", BackendSpec):
            if other := self.backends.get(spec.name):
                cause = f"backend {spec.name!r} is already provided by {other.origin}"
                self._report(who, "name", cause)
            else:
                self.backends[spec.name] = Provided(spec=spec, origin=who)

    def _register(self, plugin: object, who: Origin) -> None:
        _check_hook_names(self._manager, plugin)
        try:
            self._manager.register(plugin, name=str(who))
        except Exception as error:  # pluggy inspects a stranger's objects
            raise Broken("register", _named(error)) from error

    def _contained(
        self, who: Origin, plugin: object, hook: str, kind: type[T], **arguments: Any
    ) -> list[T]:
        """What this plugin alone answers, without what is wrong with it."""
        sound: list[T] = []
        try:
            for each in self._asked(plugin, hook, kind, arguments):
                try:
                    sound.append(checked(each, kind))
                except Broken as broken:
                    self._report(who, broken.stage, str(broken))
        except Broken as broken:
            self._report(who, broken.stage, str(broken))
        return sound

    def _asked(
        self, plugin: object, hook: str, kind: type[Struct], arguments: Mapping[str, Any]
    ) -> list[Any]:
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        ask = self._manager.subset_hook_caller(hook, others)
        try:
            with within(PATIENCE_S):
                return [each for answer in ask(**arguments) for each in listed(answer, kind)]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as at import
            raise Broken("call", f"{hook}: {_named(error)}") from error

    def _report(self, who: Origin, stage: Stage, cause: str) -> None:
        problem = PluginProblem(origin=who, stage=stage, cause=unsaid(cause))
        if problem not in self.problems:
            self.problems.append(problem)


def _by_name(point: EntryPoint) -> tuple[str, str, str]:
    return (point.name, point.group, point.value)


def _import(point: EntryPoint) -> object:
    if point.group != ENTRY_POINT_GROUP:
        declared = origin(point).contract
        raise Broken(
            "contract",
            f"it is built for contract v{declared}; this crossbench speaks v{CONTRACT}",
        )
    try:
        with within(PATIENCE_S):
            plugin = point.load()
            return plugin() if inspect.isclass(plugin) else plugin
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise what is no Exception, such as a Rust panic
        raise Broken("import", f"{point.value}: {_named(error)}") from error


def _hooks(manager: pluggy.PluginManager, plugin: object) -> list[str]:
    return [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]


def _check_hook_names(manager: pluggy.PluginManager, plugin: object) -> None:
    """A misspelt hook would be silently ignored; here it is an error."""
    known = [name for name in vars(CrossbenchSpecs) if name.startswith("crossbench_")]
    found = _hooks(manager, plugin)
    for name in found:
        if name not in known:
            raise Broken(
                "register",
                f"unknown hook {name!r}{suggestion(name, known)}; known: {', '.join(known)}",
            )
    if not found:
        kind = "module" if isinstance(plugin, ModuleType) else type(plugin).__name__
        raise Broken("register", f"the {kind} implements no hook; known: {', '.join(known)}")


def _named(error: BaseException) -> str:
    if isinstance(error, TooSlow):
        return f"no answer within {PATIENCE_S:g} s"
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
