"""A run from suite to report: prepare a plan, make its environments, execute it, write it down.

A broken worker costs the cell it was measuring; what else its launch had to measure goes on in a
fresh worker. A cell that failed once is not tried again in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import crossbench
from crossbench.analysis.definitions import DEFINITIONS
from crossbench.attempt import Attempt, Bench, Watcher
from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.envs.progress import Progress
from crossbench.errors import EnvironmentFailure, InputError, NothingToRun
from crossbench.journal import MANIFEST, Journal, Manifest, RunEnded, now
from crossbench.machine import facts
from crossbench.plan import artifact
from crossbench.plan import build as planning
from crossbench.plan.artifact import Artifact
from crossbench.plan.model import Launch, Plan
from crossbench.plan.selection import Selection
from crossbench.prompts.book import PromptBook
from crossbench.registry import Registry
from crossbench.report.write import write
from crossbench.suite.load import load
from crossbench.suite.schema import Profile


class Display(Watcher, Progress, Protocol):
    """Who is told how environments are built and how the run goes."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A suite understood and planned, and nothing started yet."""

    plan: Plan
    book: PromptBook
    registry: Registry
    selection: Selection
    suite_text: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """Where a run lies and how it went."""

    folder: Path
    failed: int
    """Cells that could not be measured."""


def prepare(path: Path, *, profile: Profile | None, selection: Selection) -> Prepared:
    """Read the suite and plan it for this machine. Raises InputError."""
    suite = load(path, profile=profile)
    registry = Registry()
    book = PromptBook.open(suite)
    plan = planning.build(
        suite,
        path=path,
        registry=registry,
        machine=facts.observe(),
        book=book,
        selection=selection,
    )
    return Prepared(
        plan=plan,
        book=book,
        registry=registry,
        selection=selection,
        suite_text=path.read_text(encoding="utf-8"),
    )


def perform(
    prepared: Prepared, *, folder: Path, command: Sequence[str], display: Display
) -> Result:
    """Run a plan into a new folder and report it.

    Raises InputError when the folder cannot be had, NothingToRun when no target can run here. On a
    KeyboardInterrupt what was measured is reported before it is passed on.
    """
    if (folder / MANIFEST).exists():
        raise InputError(f"{folder} already holds a run; choose another --out")
    prepared, environments = _equip(prepared, display)
    plan = prepared.plan
    if not plan.launches:
        raise NothingToRun(nothing(plan))
    with Journal(folder) as journal:
        journal.write_manifest(
            Manifest(
                crossbench=crossbench.__version__,
                definitions=DEFINITIONS,
                started=now(),
                command=tuple(command),
                suite_text=prepared.suite_text,
                plan=plan,
                artifacts=_artifacts(plan, display),
                environments={name: found.versions for name, found in environments.items()},
            )
        )
        bench = Bench(
            plan=plan,
            book=prepared.book,
            registry=prepared.registry,
            environments=environments,
            journal=journal,
            watcher=display,
        )
        try:
            failed = _execute(bench)
        finally:
            write(folder)
    return Result(folder=folder, failed=len(failed))


def nothing(plan: Plan) -> str:
    """Why not a single target can run, target by target."""
    reasons = [f"  {item.target}: {item.word}: {item.reason}" for item in plan.exclusions]
    return "\n".join([f"nothing of suite {plan.suite.name} can run here", *reasons])


def folder_for(suite: str, base: Path, stamp: str) -> Path:
    """A new folder's place: `base/suite/stamp`, with a number where two runs share a second."""
    compact = stamp.replace("-", "").replace(":", "")
    folder = base / suite / compact
    number = 1
    while folder.exists():
        number += 1
        folder = base / suite / f"{compact}-{number}"
    return folder


def _equip(prepared: Prepared, display: Display) -> tuple[Prepared, Mapping[str, Environment]]:
    """An environment for every target; a target whose environment cannot be had is left out."""
    plan = prepared.plan
    environments: dict[str, Environment] = {}
    for target in plan.targets:
        wanted = next(item for item in plan.suite.targets if item.name == target.target)
        try:
            environments[target.target] = environment.resolve(
                prepared.registry.backend(target.backend).spec,
                variant=prepared.selection.variants.get(target.backend, wanted.variant),
                python=prepared.selection.pythons.get(target.backend),
                progress=display,
                deadline_s=plan.suite.protocol.deadlines.build_s,
            )
        except EnvironmentFailure as failure:
            plan = plan.without(target.target, "unavailable", str(failure))
    return replace(prepared, plan=plan), environments


def _artifacts(plan: Plan, display: Display) -> Mapping[str, Artifact]:
    """Target -> what its artifact holds; an artifact that several targets share is read once."""
    paths = {target.name: Path(target.artifact) for target in plan.suite.targets}
    wanted = {target.target: paths[target.target] for target in plan.targets}
    known: dict[Path, Artifact] = {}
    for path in dict.fromkeys(wanted.values()):
        display.line(f"hashing {path.name}")
        try:
            known[path] = artifact.identify(path)
        except OSError as error:
            raise InputError(f"artifact {path} cannot be read: {error.strerror}") from error
    return {target: known[path] for target, path in wanted.items()}


def _execute(bench: Bench) -> set[tuple[str, str]]:
    """Measure every launch; the cells, as (target, scenario), that could not be measured."""
    failed: set[tuple[str, str]] = set()
    total = len(bench.plan.launches)
    try:
        for number, launch in enumerate(bench.plan.launches, 1):
            failed |= _launch(bench, launch, failed, f"{number}/{total}")
    except KeyboardInterrupt:
        bench.journal.append(RunEnded(utc=now(), outcome="interrupted"))
        raise
    bench.journal.append(RunEnded(utc=now(), outcome="complete"))
    return failed


def _launch(
    bench: Bench, launch: Launch, failed: set[tuple[str, str]], place: str
) -> set[tuple[str, str]]:
    """One launch of the plan, in as many workers as its failures make necessary."""
    left = [name for name in launch.scenarios if (launch.target, name) not in failed]
    lost: set[tuple[str, str]] = set()
    workers = 0
    while left:
        workers += 1
        name = launch.id if workers == 1 else f"{launch.id}.{workers}"
        bench.watcher.launching(name, launch.target, place)
        attempt = Attempt(bench, launch, name)
        left = list(attempt.measure(left))
        lost |= {(launch.target, scenario) for scenario in attempt.failed}
    return lost
