"""A run from plan to report: make its environments, have its artifacts, execute, write down.

A broken worker costs the cell it was measuring; what else its launch had to measure goes on in a
fresh worker. A cell that failed once is not tried again, unless a resumed run is told to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from crossbench.analysis.definitions import DEFINITIONS
from crossbench.duration.allowance import Allowance
from crossbench.duration.forecast import Forecast
from crossbench.envs.environment import Environment
from crossbench.envs.progress import Progress
from crossbench.errors import InputError, JournalFailure, NothingToRun
from crossbench.instrument.beside import note
from crossbench.journal.events import LeftOut, RunEnded, RunResumed, now
from crossbench.journal.folder import refuse_old
from crossbench.journal.manifest import Installed, Manifest
from crossbench.journal.reader import read_events, read_manifest
from crossbench.journal.writer import Journal
from crossbench.machine import facts
from crossbench.machine.drain import Drain
from crossbench.machine.recorder import recording
from crossbench.plan.company import without_background
from crossbench.plan.model import BURN_IN, Launch, Plan
from crossbench.provision import equipment, supplies
from crossbench.provision.prepare import PATIENT, Prepared, completed, had, nothing, open_book
from crossbench.provision.supplies import Supplies
from crossbench.redaction.names import here
from crossbench.registry import Registry
from crossbench.report.write import write
from crossbench.run.attempt import Attempt
from crossbench.run.bench import Bench, Watcher
from crossbench.run.changes import changes
from crossbench.run.history import History
from crossbench.run.scoring import score
from crossbench.version import version


class Display(Watcher, Progress, Protocol):
    """Who is told how environments are built and how the run goes."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Where a run lies and how it went."""

    folder: Path
    failed: int
    """Cells that could not be measured."""


def perform(
    prepared: Prepared,
    *,
    folder: Path,
    command: Sequence[str],
    display: Display,
    probing: bool = True,
) -> Result:
    """Run a plan into a new folder and report it; `probing` reads this machine meanwhile.

    Raises InputError when the folder cannot be had, NothingToRun when no target can run here. On a
    KeyboardInterrupt what was measured is reported before it is passed on.
    """
    refuse_old(folder)
    environments, failures = equipment.make(
        prepared.plan, prepared.registry, prepared.selection, display
    )
    lost = {target: str(failure) for target, failure in failures.items()}
    supplied = supplies.supply(_runnable(prepared.plan, lost), display)
    lost |= supplied.refused
    _runnable(prepared.plan, lost)
    prepared = completed(prepared, display)
    plan = _runnable(prepared.plan, lost)
    manifest = Manifest(
        crossbench=version(),
        definitions=DEFINITIONS,
        started=now(),
        command=tuple(command),
        suite_text=prepared.suite_text,
        plan=plan,
        selection=prepared.selection,
        artifacts=supplied.held,
        environments=_installed(environments),
        probing=probing,
        private=here(),
    )
    with Journal(folder, new=True) as journal:
        journal.write_manifest(manifest)
        bench = _bench(prepared, plan, environments, supplied, journal, display)
        return _measured(bench, History(), probing, display)


def resume(folder: Path, *, retry_failed: bool, accept_changes: bool, display: Display) -> Result:
    """Go on with an unfinished run; a finished sample is never measured again.

    Raises InputError when the folder holds no run, or when something is no longer as it was and
    the user has not accepted that; EnvironmentFailure when an environment cannot be had again.
    """
    manifest = read_manifest(folder)
    if manifest.published is not None:
        raise InputError(f"{folder} is a published copy, without its paths; resume the run itself")
    plan = manifest.plan
    with Journal(folder, new=False) as journal:
        history = History(read_events(folder))
        if retry_failed:
            history.forget_failures()
        registry = Registry()
        environments, failures = equipment.make(plan, registry, manifest.selection, display)
        for failure in failures.values():
            raise failure
        supplied = supplies.supply(plan, display)
        for reason in supplied.refused.values():
            raise InputError(reason)
        prepared = Prepared(
            plan=plan,
            book=open_book(plan.suite, display, PATIENT),
            registry=registry,
            selection=manifest.selection,
            suite_text=manifest.suite_text,
        )
        changed = changes(
            manifest,
            book=had(prepared.book),
            registry=prepared.registry,
            environments=_installed(environments),
            artifacts=supplied.held,
            machine=facts.observe(),
        )
        if changed and not accept_changes:
            raise InputError(
                "\n  ".join(["since the run began:", *changed])
                + "\nStart a new run, or take both parts as one with --accept-changes."
            )
        journal.append(RunResumed(utc=now(), changes=tuple(changed)))
        bench = _bench(prepared, plan, environments, supplied, journal, display)
        return _measured(bench, history, manifest.probing is True, display)


def folder_for(suite: str, base: Path, stamp: str) -> Path:
    """A new folder's place: `base/suite/stamp`, with a number where two runs share a second."""
    compact = stamp.replace("-", "").replace(":", "")
    folder = base / suite / compact
    number = 1
    while folder.exists():
        number += 1
        folder = base / suite / f"{compact}-{number}"
    return folder


def _runnable(plan: Plan, lost: Mapping[str, str]) -> Plan:
    """The plan without the targets that cannot run after all. Raises NothingToRun."""
    planned = {target.target for target in plan.targets}
    for target, reason in lost.items():
        if target in planned:
            plan = without_background(plan.without(target, "unavailable", reason), target)
    if not plan.launches:
        raise NothingToRun(nothing(plan))
    return plan


def _bench(
    prepared: Prepared,
    plan: Plan,
    environments: Mapping[str, Environment],
    supplied: Supplies,
    journal: Journal,
    display: Display,
) -> Bench:
    return Bench(
        plan=plan,
        book=had(prepared.book),
        registry=prepared.registry,
        environments=environments,
        artifacts=supplied.paths,
        journal=journal,
        watcher=display,
        drain=Drain(),
        forecast=Forecast(plan),
    )


def _installed(environments: Mapping[str, Environment]) -> Mapping[str, Installed]:
    return {
        target: Installed(how=found.how, versions=found.versions)
        for target, found in environments.items()
    }


def _measured(bench: Bench, history: History, probing: bool, display: Display) -> Result:
    """Measure all that is left, write it down, report it."""
    folder = bench.journal.folder
    probes = bench.registry.probes() if probing else ()
    try:
        note(bench, display)  # before the machine is read: it is to be idle until the first launch
        with recording(folder, probes) as recorder:
            _launches(replace(bench, recorder=recorder), history)
        bench.journal.append(RunEnded(utc=now(), outcome="complete"))
    except KeyboardInterrupt:
        bench.journal.append(RunEnded(utc=now(), outcome="interrupted"))
        write(folder)
        raise
    except JournalFailure:
        with suppress(InputError):  # the disk may be too full for a report, too
            write(folder)
        raise
    failed = {
        (item.target, item.scenario) for item in write(folder).non_results if item.word == "failed"
    }
    return Result(folder=folder, failed=len(failed))


def _launches(bench: Bench, history: History) -> None:
    """Burn in, measure block after block as long as the budget lasts, and score."""
    plan = bench.plan
    allowance = Allowance(plan, bench.forecast, history.spent_s)
    bench.forecast.drops(tuple(history.left_out))
    for launch in plan.burn_in if not history.began else ():
        _launch(bench, launch, history)
    bench.forecast.drops((BURN_IN,))
    for block in plan.blocks:
        launches = [launch for launch in plan.launches if launch.block == block]
        if block in history.left_out or not any(history.left(plan, one) for one in launches):
            bench.forecast.drops((block,))
            continue
        if not history.has(block) and (reason := allowance.refuses_block(block)):
            later = tuple(other for other in plan.blocks if other >= block)
            _leave_out(bench, history, LeftOut(blocks=later, reason=reason))
            break
        for launch in launches:
            _launch(bench, launch, history)
    _scoring(bench, history, allowance)


def _leave_out(bench: Bench, history: History, event: LeftOut) -> None:
    history.take(event)
    bench.forecast.drops(event.blocks)
    bench.write(event)


def _launch(bench: Bench, launch: Launch, history: History) -> None:
    """One launch of the plan, in as many workers as its failures make necessary."""
    left = history.left(bench.plan, launch)
    every = [*bench.plan.burn_in, *bench.plan.launches]
    place = f"{every.index(launch) + 1}/{len(every)}"
    while left:
        name = history.next_worker(launch)
        bench.forecast.begins(launch)
        bench.watcher.launching(name, launch.target, place)
        left = list(Attempt(bench, launch, name, history).measure(left))
    bench.forecast.ends(launch)


def _scoring(bench: Bench, history: History, allowance: Allowance) -> None:
    """Score every target that is not scored yet, if the budget allows it."""
    launches = bench.plan.scoring.launches if bench.plan.scoring else ()
    left = [launch for launch in launches if not _scored(bench, launch, history)]
    if not left or history.scoring_left_out:
        return
    if reason := allowance.refuses_scoring():
        _leave_out(bench, history, LeftOut(blocks=(), scoring=True, reason=reason))
        return
    for launch in left:
        name = history.next_worker(launch)
        bench.forecast.begins(launch)
        bench.watcher.launching(name, launch.target, "quality")
        score(bench, launch, name, history.scored(launch.target))
        bench.forecast.ends(launch)


def _scored(bench: Bench, launch: Launch, history: History) -> bool:
    """Whether a target was scored, or could not be."""
    assert bench.plan.scoring is not None
    windows = len(history.scored(launch.target))
    return launch.target in history.unscored or windows == bench.plan.scoring.windows
