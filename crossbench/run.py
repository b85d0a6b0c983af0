"""A run from plan to report: make its environments, have its artifacts, execute, write down.

A broken worker costs the cell it was measuring; what else its launch had to measure goes on in a
fresh worker. A cell that failed once is not tried again, unless a resumed run is told to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import crossbench
from crossbench import equipment, supplies
from crossbench.analysis.definitions import DEFINITIONS
from crossbench.attempt import Attempt
from crossbench.changes import changes
from crossbench.envs.environment import Environment
from crossbench.envs.progress import Progress
from crossbench.errors import InputError, JournalFailure, NothingToRun
from crossbench.history import History
from crossbench.journal import (
    Installed,
    Journal,
    Manifest,
    RunEnded,
    RunResumed,
    now,
    read_events,
    read_manifest,
    refuse_old,
)
from crossbench.launch import Bench, Watcher
from crossbench.machine import facts
from crossbench.machine.drain import Drain
from crossbench.plan.model import Launch, Plan
from crossbench.prepare import PATIENT, Prepared, had, nothing, open_book
from crossbench.registry import Registry
from crossbench.report.write import write
from crossbench.scoring import score
from crossbench.supplies import Supplies


class Display(Watcher, Progress, Protocol):
    """Who is told how environments are built and how the run goes."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Where a run lies and how it went."""

    folder: Path
    failed: int
    """Cells that could not be measured."""


def perform(
    prepared: Prepared, *, folder: Path, command: Sequence[str], display: Display
) -> Result:
    """Run a plan into a new folder and report it.

    Raises InputError when the folder cannot be had, NothingToRun when no target can run here. On a
    KeyboardInterrupt what was measured is reported before it is passed on.
    """
    refuse_old(folder)
    plan = prepared.plan
    environments, failures = equipment.make(plan, prepared.registry, prepared.selection, display)
    for target, failure in failures.items():
        plan = plan.without(target, "unavailable", str(failure))
    supplied = supplies.supply(plan, display)
    for target, reason in supplied.refused.items():
        plan = plan.without(target, "unavailable", reason)
    if not plan.launches:
        raise NothingToRun(nothing(plan))
    had(prepared.book)
    manifest = Manifest(
        crossbench=crossbench.__version__,
        definitions=DEFINITIONS,
        started=now(),
        command=tuple(command),
        suite_text=prepared.suite_text,
        plan=plan,
        selection=prepared.selection,
        artifacts=supplied.held,
        environments=_installed(environments),
    )
    with Journal(folder, new=True) as journal:
        journal.write_manifest(manifest)
        bench = _bench(prepared, plan, environments, supplied, journal, display)
        return _measured(bench, History())


def resume(folder: Path, *, retry_failed: bool, accept_changes: bool, display: Display) -> Result:
    """Go on with an unfinished run; a finished sample is never measured again.

    Raises InputError when the folder holds no run, or when something is no longer as it was and
    the user has not accepted that; EnvironmentFailure when an environment cannot be had again.
    """
    manifest = read_manifest(folder)
    plan = manifest.plan
    with Journal(folder, new=False) as journal:
        history = History(read_events(folder))
        if retry_failed:
            history.forget_failures()
        prepared = Prepared(
            plan=plan,
            book=open_book(plan.suite, display, PATIENT),
            registry=Registry(),
            selection=manifest.selection,
            suite_text=manifest.suite_text,
        )
        environments, failures = equipment.make(
            plan, prepared.registry, prepared.selection, display
        )
        for failure in failures.values():
            raise failure
        supplied = supplies.supply(plan, display)
        for reason in supplied.refused.values():
            raise InputError(reason)
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
        return _measured(bench, history)


def folder_for(suite: str, base: Path, stamp: str) -> Path:
    """A new folder's place: `base/suite/stamp`, with a number where two runs share a second."""
    compact = stamp.replace("-", "").replace(":", "")
    folder = base / suite / compact
    number = 1
    while folder.exists():
        number += 1
        folder = base / suite / f"{compact}-{number}"
    return folder


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
    )


def _installed(environments: Mapping[str, Environment]) -> Mapping[str, Installed]:
    return {
        target: Installed(how=found.how, versions=found.versions)
        for target, found in environments.items()
    }


def _measured(bench: Bench, history: History) -> Result:
    """Measure all that is left, write it down, report it."""
    folder = bench.journal.folder
    try:
        for launch in bench.plan.launches:
            _launch(bench, launch, history)
        for launch in bench.plan.scoring.launches if bench.plan.scoring else ():
            _score(bench, launch, history)
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


def _launch(bench: Bench, launch: Launch, history: History) -> None:
    """One launch of the plan, in as many workers as its failures make necessary."""
    done = history.done(launch)
    left = [
        name
        for name in launch.scenarios
        if (launch.target, name) not in history.failed
        and not bench.plan.turns(name) <= {turn for turn in done if turn[0] == name}
    ]
    place = f"{bench.plan.launches.index(launch) + 1}/{len(bench.plan.launches)}"
    while left:
        name = history.next_worker(launch)
        bench.watcher.launching(name, launch.target, place)
        attempt = Attempt(bench, launch, name, done)
        left = list(attempt.measure(left))
        history.failed |= {(launch.target, scenario) for scenario in attempt.failed}


def _score(bench: Bench, launch: Launch, history: History) -> None:
    """The scoring of one target, where it is not done."""
    done = history.scored(launch.target)
    assert bench.plan.scoring is not None
    if launch.target in history.unscored or len(done) == bench.plan.scoring.windows:
        return
    name = history.next_worker(launch)
    bench.watcher.launching(name, launch.target, "quality")
    score(bench, launch, name, done)
