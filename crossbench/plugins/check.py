"""`crossbench plugins check`: one installed plugin, held to every rule of the contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from crossbench.api import CONTRACT, BackendSpec
from crossbench.envs import interpreter
from crossbench.envs.environment import Environment
from crossbench.errors import EnvironmentFailure, InputError, NothingToRun
from crossbench.plan.model import Plan
from crossbench.plugins import extensions
from crossbench.plugins.origin import Origin
from crossbench.plugins.survey import FIXES
from crossbench.plugins.switch import VARIABLE, normal
from crossbench.plugins.verdict import Checked, RuleVerdict, Tell
from crossbench.registry import Provided, Registry
from crossbench.report.model import Report
from crossbench.report.write import RENDERINGS
from crossbench.suggest import suggestion

ADMITTED = (
    f"A plugin is an entry point of the group crossbench.v{CONTRACT} that imports without its "
    "engine, implements hooks that exist, and declares what crossbench can use."
)


class Question(Struct, frozen=True, kw_only=True):
    """What to check a plugin with."""

    model: Path | None = None
    """The artifact that backends load; None for a folder without weights."""
    options: Mapping[str, Any] = {}
    variant: str | None = None
    python: Path | None = None
    settings: Mapping[str, Any] = {}
    """Attributes of the kit: `crossbench.plugins.kit.SETTINGS`."""
    report: Report | None = None
    """What formats are tried on."""
    plan: Plan | None = None
    """What lint rules are tried on."""


def check(registry: Registry, name: str, question: Question, tell: Tell) -> Checked:
    """Hold the plugin of that name to every rule; `tell` hears each verdict as it is reached.

    Raises InputError for a name or a model that is not there, and NothingToRun where the engine's
    environment is not.
    """
    who = _origin(registry, name)
    verdicts: list[RuleVerdict] = []
    versions: dict[str, str] = {}
    for verdict in _quick(registry, who, question):
        verdicts.append(verdict)
        tell(verdict)
    for backend, provided in sorted(registry.backends.items()):
        if provided.origin == who:
            environment = _environment(provided.spec, question)
            versions |= _versions(provided, environment)
            verdicts += _backend(backend, environment, question, tell)
    model = str(question.model) if question.model else None
    return Checked(origin=who, model=model, verdicts=tuple(verdicts), versions=versions)


def _quick(registry: Registry, who: Origin, question: Question) -> Iterator[RuleVerdict]:
    """All but the kit. Every hook is asked before its complaints are read."""
    reporters = [each for each in registry.reporters(RENDERINGS).values() if each.origin == who]
    probes = [spec for origin, spec in registry.provided_probes() if origin == who]
    yield from _admission(registry, who)
    for spec in probes:
        yield from extensions.of_probe(spec)
    for reporter in reporters:
        yield from extensions.of_reporter(reporter, question.report)
    if "crossbench_lint" in registry.implemented(who):
        yield from extensions.of_lint(registry, who, question.plan)


def _origin(registry: Registry, name: str) -> Origin:
    """The plugin that is meant: by its own name, its distribution's or its backend's."""
    wanted = normal(name)
    if wanted in registry.backends:
        return registry.backends[wanted].origin
    for who in (*registry.origins, *registry.disabled):
        if wanted in (normal(who.plugin), normal(who.distribution)):
            if who in registry.disabled:
                raise InputError(f"plugin {who} is switched off ({VARIABLE})")
            return who
    known = sorted(who.plugin for who in registry.origins)
    raise InputError(
        f"no plugin {name!r} is installed{suggestion(name, known)}; installed: {', '.join(known)}"
    )


def _admission(registry: Registry, who: Origin) -> Iterator[RuleVerdict]:
    about, rule = f"plugin {who.plugin}", "it-is-admitted"
    problems = [problem for problem in registry.problems if problem.origin == who]
    for problem in problems:
        yield RuleVerdict(
            subject=about,
            rule=rule,
            statement=ADMITTED,
            verdict="broken",
            found=f"at stage {problem.stage!r}: {problem.cause}",
            do=FIXES[problem.stage],
        )
    if not problems:
        yield RuleVerdict(subject=about, rule=rule, statement=ADMITTED, verdict="holds")


def _environment(spec: BackendSpec, question: Question) -> Environment:
    """Where the engine is. Raises InputError without pytest, NothingToRun where it is not here."""
    try:
        from crossbench.testing.conformance import base  # noqa: PLC0415 - pytest is an extra
    except ModuleNotFoundError as error:
        raise InputError(
            f"the conformance kit needs {error.name}: pip install 'crossbench[testing]'"
        ) from error
    try:
        return base.found(spec, question.variant, question.python)
    except EnvironmentFailure as failure:
        raise NothingToRun(f"backend {spec.name} cannot be checked here: {failure}") from failure


def _versions(provided: Provided, environment: Environment) -> Mapping[str, str]:
    """Of the engine's distributions, the plugin's own aside."""
    own, had = interpreter.normal(provided.origin.distribution), environment.versions
    named = map(interpreter.normal, provided.spec.distributions)
    return {name: had[name] for name in named if name in had and name != own}


def _backend(
    name: str, environment: Environment, question: Question, tell: Tell
) -> list[RuleVerdict]:
    from crossbench.plugins import kit  # noqa: PLC0415 - pytest is an extra

    with _model(question.model) as artifact:
        attributes = {
            "artifact": artifact,
            "options": question.options,
            "variant": question.variant,
            "python": question.python if environment.how == "named" else None,
            **question.settings,
        }
        return kit.verdicts(name, attributes, tell)


@contextmanager
def _model(given: Path | None) -> Iterator[Path]:
    """The model, or a folder that stands for one. Raises InputError."""
    if given is not None:
        if not given.exists():
            raise InputError(f"--model {given}: nothing is there; name a model file or folder")
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="crossbench-no-model-") as folder:
        (Path(folder) / "config.json").write_text("{}\n")
        yield Path(folder)
