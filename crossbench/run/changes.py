"""What is no longer as it was when a run began: a run of two halves must be one of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from crossbench.errors import CrossbenchError
from crossbench.journal.manifest import Installed, Manifest
from crossbench.machine.model import Machine
from crossbench.plan.artifact import Artifact
from crossbench.prompts.book import PromptBook
from crossbench.registry import Registry
from crossbench.suite.load import load
from crossbench.suite.model import Suite
from crossbench.suite.twin import twinned
from crossbench.version import version


def changes(
    manifest: Manifest,
    *,
    book: PromptBook,
    registry: Registry,
    environments: Mapping[str, Installed],
    artifacts: Mapping[str, Artifact],
    machine: Machine,
) -> list[str]:
    """One sentence for each difference; empty when the run may simply go on."""
    plan = manifest.plan
    found = list(_suite(plan.suite))
    if manifest.crossbench != version():
        found.append(f"crossbench was {manifest.crossbench} and is {version()}")
    for scenario in plan.scenarios:
        if book.sha256(scenario.scenario) != scenario.prompts_sha256:
            found.append(f"the prompt ids of scenario {scenario.scenario} are others")
    for target in plan.targets:
        origin = str(registry.backend(target.backend).origin)
        if origin != target.plugin:
            found.append(f"plugin {target.plugin} is now {origin}")
        began, now = manifest.environments[target.target], environments[target.target]
        found += _versions(target.target, began, now)
        if manifest.artifacts[target.target].sha256 != artifacts[target.target].sha256:
            found.append(f"the artifact of target {target.target} holds other bytes")
    for fact in ("platform", "cpu", "memory_bytes", "cuda_devices"):
        before, after = getattr(plan.machine, fact), getattr(machine, fact)
        if before != after:
            found.append(f"this machine's {fact} was {before} and is {after}")
    return list(dict.fromkeys(found))


def _suite(began: Suite) -> Iterator[str]:
    """The suite file and the prompt files it names, where they are still there."""
    path = Path(began.path)
    if not path.exists():
        return
    try:
        now = load(path)
    except CrossbenchError:
        yield f"suite {path} is no longer right"
        return
    if now.sha256 != began.sha256:
        yield f"suite {path} was changed"
        return
    if began.null_test is not None:
        now = twinned(now, began.null_test)
    if replace(now, protocol=began.protocol, targets=began.targets) != began:
        yield f"a prompt file of suite {path} was changed"


def _versions(target: str, began: Installed, now: Installed) -> Iterator[str]:
    for name in sorted({*began.versions, *now.versions}):
        before, after = began.versions.get(name, "absent"), now.versions.get(name, "absent")
        if before != after:
            yield f"{name} of target {target} was {before} and is {after}"
