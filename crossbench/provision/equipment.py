"""The environments of a suite's targets: looked for when planning, made before running."""

from __future__ import annotations

from collections.abc import Mapping

from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.envs.progress import Progress
from crossbench.errors import EnvironmentFailure
from crossbench.plan.model import Equipment, Lacking, Plan
from crossbench.plan.selection import Selection
from crossbench.registry import Registry
from crossbench.suite.model import Suite, Target


def find(
    suite: Suite, registry: Registry, selection: Selection
) -> Mapping[str, Equipment | Lacking]:
    """Target -> the environment it would run in; targets of unknown backends are left out.

    Builds nothing. Raises InputError for a variant or an interpreter that the user named wrongly.
    """
    return {
        target.name: _found(target, registry, selection)
        for target in suite.targets
        if target.backend in registry.backends
    }


def _found(target: Target, registry: Registry, selection: Selection) -> Equipment | Lacking:
    spec = registry.backend(target.backend).spec
    variant, requires = selection.variant(target), selection.requires(target)
    try:
        spec = environment.requiring(spec, requires, selection.build(target))
        found = environment.find(spec, variant, selection.python(target))
        if found is None:
            return Equipment(variant=environment.chosen(spec, variant).name, how="to build")
        environment.check_named(found, requires)
    except EnvironmentFailure as failure:
        return Lacking(str(failure))
    built = found.how in {"wheel", "build"}
    return Equipment(variant=found.variant, how="ready" if built else found.how)


def make(
    plan: Plan, registry: Registry, selection: Selection, progress: Progress
) -> tuple[Mapping[str, Environment], Mapping[str, EnvironmentFailure]]:
    """Target -> its environment, built where it is missing; and why some cannot be had."""
    targets = {target.name: target for target in plan.suite.targets}
    had: dict[str, Environment] = {}
    failed: dict[str, EnvironmentFailure] = {}
    for planned in plan.targets:
        wanted = targets[planned.target]
        spec = registry.backend(planned.backend).spec
        try:
            had[planned.target] = environment.resolve(
                environment.requiring(spec, selection.requires(wanted), selection.build(wanted)),
                variant=selection.variant(wanted),
                python=selection.python(wanted),
                progress=progress,
                deadline_s=plan.suite.protocol.deadlines.build_s,
            )
        except EnvironmentFailure as failure:
            failed[planned.target] = failure
    return had, failed
