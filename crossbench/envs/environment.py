"""An engine's environment, ready for a worker: found, or built where it is missing.

The order is: an interpreter the user names; a finished environment of the store; a new one, from
prebuilt wheels where they serve, else built from source. A backend without requirements runs on
the host's own interpreter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, structs
from packaging.requirements import Requirement

from crossbench.api import BackendSpec
from crossbench.envs import build as building
from crossbench.envs import interpreter, overlay, store, uv
from crossbench.envs.interpreter import Interpreter
from crossbench.envs.progress import Progress
from crossbench.envs.store import Inputs, Record
from crossbench.envs.variant import Choice, Facts, choose, observe
from crossbench.errors import EnvironmentFailure

_NOTHING: Mapping[str, Mapping[str, str]] = MappingProxyType({})
NAMED = "named"
"""Variant of an interpreter that the user names without naming a variant."""


class Environment(Struct, frozen=True, kw_only=True):
    """An interpreter that has the engine, and what the worker adds to it."""

    backend: str
    variant: str
    python: Path
    how: Literal["named", "wheel", "build", "host"]
    key: str | None
    """Of the inputs it was built from; None where nothing was built."""
    versions: Mapping[str, str]
    """Normalised distribution name -> version, the overlay's included."""
    pythonpath: tuple[str, ...]
    """The worker's whole PYTHONPATH."""


def find(spec: BackendSpec, variant: str | None, python: Path | None) -> Environment | None:
    """The environment, if it is there already; None where `resolve` would have to build.

    Looks and writes nothing; only `resolve` lays the overlay that its worker needs.

    Raises InputError for an unknown variant or an interpreter that does not serve,
    EnvironmentFailure when no variant fits this machine.
    """
    if python is not None:
        return _find_named(spec, variant, interpreter.ask(interpreter.named(python)))
    choice, facts = _choose(spec, variant)
    if not choice.environment.requirements:
        return _host(spec, choice)
    base = _base_python(choice)
    if base is None:
        return None
    inputs = _inputs(spec, choice, base, facts)
    record = store.read(inputs.folder)
    return _built(spec, record) if record else None


def resolve(
    spec: BackendSpec,
    *,
    variant: str | None,
    python: Path | None,
    progress: Progress,
    build: bool = True,
    deadline_s: float,
) -> Environment:
    """The environment, built where it is missing and `build` allows it, within `deadline_s`.

    Raises what `find` raises, and EnvironmentFailure when the build fails or is not allowed.
    """
    overlay.lay(spec)
    found = find(spec, variant, python)
    if found is not None:
        return found
    if not build:
        raise EnvironmentFailure(
            f"the environment of backend {spec.name} is not built; "
            f"run `crossbench envs build {spec.name}`"
        )
    deadline = time.monotonic() + deadline_s
    if python is not None:
        return _complete_named(spec, variant, python, progress, deadline)
    choice, facts = _choose(spec, variant)
    base = _base_python(choice, deadline)
    if base is None:
        raise EnvironmentFailure(
            f"no Python {choice.environment.python} was found for backend {spec.name}; "
            "install one, or name an interpreter that has the engine"
        )
    order = building.Order(
        inputs=_inputs(spec, choice, base, facts),
        python=base.path,
        build_tools=choice.environment.build_tools,
        against=choice.against,
        nearly=choice.nearly,
        advice=choice.environment.advice,
    )
    return _built(spec, _build_once(order, progress, deadline))


def _build_once(order: building.Order, progress: Progress, deadline: float) -> Record:
    folder = order.inputs.folder
    with store.locked(folder, progress, deadline):
        if record := store.read(folder):
            return record
        progress.started(f"building the environment of {order.title} in {folder}")
        for reason in order.nearly:
            progress.line(f"a better variant could not be chosen: {reason}")
        began = time.monotonic()
        record = building.build(order, progress, deadline)
        origin = "prebuilt wheels" if record.how == "wheel" else "source"
        spent = time.monotonic() - began
        progress.finished(f"{order.title} is ready, from {origin}, after {spent:.0f} s")
        return record


def requiring(
    spec: BackendSpec, requires: Sequence[str], build: Mapping[str, Mapping[str, str]] = _NOTHING
) -> BackendSpec:
    """The backend with requirements and build settings of one target's own in each environment.

    A requirement replaces what the backend requires of the same distribution, or is added; so does
    a setting of a package's build.
    """
    if not requires and not build:
        return spec
    named = {_distribution(each) for each in requires}
    environments = {
        name: structs.replace(
            environment,
            requirements=(
                *(each for each in environment.requirements if _distribution(each) not in named),
                *requires,
            ),
            build_settings={
                **environment.build_settings,
                **{
                    package: {**environment.build_settings.get(package, {}), **settings}
                    for package, settings in build.items()
                },
            },
            wheels_serve=environment.wheels_serve and not build,
        )
        for name, environment in spec.environments.items()
    }
    return structs.replace(spec, environments=environments)


def check_named(environment: Environment, requires: Sequence[str]) -> None:
    """Raise EnvironmentFailure where the user's own interpreter lacks what a target requires."""
    if environment.how != "named":
        return
    for requirement in map(Requirement, requires):
        version = environment.versions.get(interpreter.normal(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            raise EnvironmentFailure(
                f"it requires {requirement}; {environment.python} has {version or 'none'}"
            )


def _distribution(requirement: str) -> str:
    return interpreter.normal(Requirement(requirement).name)


def chosen(spec: BackendSpec, variant: str | None) -> Choice:
    """The variant that `resolve` would use. Raises what `find` raises."""
    return _choose(spec, variant)[0]


def _choose(spec: BackendSpec, variant: str | None) -> tuple[Choice, Facts]:
    facts = observe(tool for env in spec.environments.values() for tool in env.applies.tools)
    return choose(spec, variant, facts), facts


def _base_python(choice: Choice, deadline: float | None = None) -> Interpreter | None:
    """The host's own interpreter where its version fits, so that the common case asks nobody."""
    own = interpreter.host()
    if interpreter.fits(own.version, choice.environment.python):
        return own
    project = store.make_folder(store.root())
    path = uv.find_python(choice.environment.python, project, deadline)
    return interpreter.ask(path) if path else None


def _inputs(spec: BackendSpec, choice: Choice, base: Interpreter, facts: Facts) -> Inputs:
    return Inputs(
        backend=spec.name,
        variant=choice.name,
        requirements=(*choice.environment.requirements, *overlay.WORKER_REQUIREMENTS),
        overrides=choice.environment.overrides,
        build_settings=choice.environment.build_settings,
        wheels_serve=choice.environment.wheels_serve,
        python=choice.environment.python,
        python_tag=base.tag,
        platform=facts.platform,
    )


def _built(spec: BackendSpec, record: Record) -> Environment:
    return Environment(
        backend=spec.name,
        variant=record.inputs.variant,
        python=store.interpreter(record.inputs.folder),
        how=record.how,
        key=record.key,
        versions={**record.versions, **overlay.versions(spec)},
        pythonpath=(str(overlay.place(spec)),),
    )


def _host(spec: BackendSpec, choice: Choice) -> Environment:
    own = interpreter.host()
    return Environment(
        backend=spec.name,
        variant=choice.name,
        python=own.path,
        how="host",
        key=None,
        versions={**interpreter.installed(), **overlay.versions(spec)},
        pythonpath=(str(overlay.place(spec)),),
    )


def _find_named(spec: BackendSpec, variant: str | None, asked: Interpreter) -> Environment | None:
    """The named interpreter, checked; None while it lacks what the worker needs beside it."""
    if variant is not None:
        bounds = [_choose(spec, variant)[0].environment.python]
    else:
        bounds = [environment.python for environment in spec.environments.values()]
    laid = overlay.versions(spec)
    engine = [name for name in spec.distributions if interpreter.normal(name) not in laid]
    interpreter.check(asked, bounds, engine)
    path = [str(overlay.place(spec))]
    if overlay.lacks_requirements(asked):
        folder = overlay.side_folder(asked, observe(()).platform)
        if not folder.is_dir():
            return None
        path.append(str(folder))
    return Environment(
        backend=spec.name,
        variant=variant or NAMED,
        python=asked.path,
        how="named",
        key=None,
        versions={**asked.versions, **laid},
        pythonpath=tuple(path),
    )


def _complete_named(
    spec: BackendSpec, variant: str | None, python: Path, progress: Progress, deadline: float
) -> Environment:
    asked = interpreter.ask(interpreter.named(python))
    needed = ", ".join(overlay.WORKER_REQUIREMENTS)
    progress.started(f"installing {needed} beside {asked.path}, which is left as it is")
    folder = overlay.side_folder(asked, observe(()).platform)
    overlay.fill_side_folder(folder, asked, progress, deadline)
    progress.finished(f"{asked.path} is ready")
    found = _find_named(spec, variant, asked)
    assert found is not None
    return found
