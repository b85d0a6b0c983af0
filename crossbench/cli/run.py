"""`crossbench run`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import click
from msgspec import structs

from crossbench.cli import planned
from crossbench.cli.choices import REPORTS, estimated, selecting
from crossbench.cli.display import TerminalDisplay
from crossbench.cli.printing import say
from crossbench.errors import InputError, NothingToRun
from crossbench.journal.events import now
from crossbench.journal.folder import MANIFEST
from crossbench.plan.selection import Selection
from crossbench.provision.prepare import Prepared, nothing, prepare
from crossbench.report.words import counted
from crossbench.run.perform import Result, folder_for, perform, resume
from crossbench.suite.made import is_suite, made
from crossbench.suite.tables.protocol import Profile

INTERRUPTED = 130


@click.command(name="run")
@click.argument("suite", metavar="SUITE | MODEL...", nargs=-1)
@selecting
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The run folder itself; by default reports/SUITE/TIME.",
)
@click.option(
    "--save-suite",
    "saved",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With MODEL...: keep the suite that is made for them.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and measure nothing.")
@click.option(
    "--no-probes",
    "unprobed",
    is_flag=True,
    help="Do not read the machine while it runs: no energy, no memory of devices, no heat.",
)
@click.option(
    "--null-test",
    "null_test",
    is_flag=True,
    help="Measure one target under two names, and print how far apart noise puts them.",
)
@click.option(
    "--resume",
    "unfinished",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Go on with this unfinished run; takes everything else from it.",
)
@click.option("--retry-failed", is_flag=True, help="With --resume: try failed cells again.")
@click.option(
    "--accept-changes",
    is_flag=True,
    help="With --resume: go on although suite, versions or machine changed; the report says so.",
)
def command(
    suite: tuple[str, ...],
    chosen: Selection,
    profile: Profile | None,
    artifacts: tuple[str, ...],
    budget: float | None,
    out: Path | None,
    saved: Path | None,
    dry_run: bool,
    unprobed: bool,
    null_test: bool,
    unfinished: Path | None,
    retry_failed: bool,
    accept_changes: bool,
) -> int:
    """Measure SUITE, or the models named, on this machine and write its report.

    Builds the environments it needs first, saying so. Ctrl-C ends it cleanly; what was measured
    until then is reported, and the run can be resumed.
    """
    if unfinished is not None:
        given = (suite, profile, out, saved, dry_run, artifacts, budget, null_test, unprobed)
        if any(given) or chosen != Selection(owned=chosen.owned):
            raise InputError("--resume takes suite and options from the run; give it alone")
        return _resume(unfinished, retry_failed, accept_changes)
    with _suite(suite, saved) as path:
        prepared = _prepared(path, profile, chosen, artifacts)
        if null_test:
            one = _only(prepared)
            both = structs.replace(chosen, targets=(one,))
            prepared = _prepared(path, profile, both, artifacts, twin=one)
    prepared = estimated(prepared, budget)
    say(planned.text(prepared.plan))
    if not prepared.plan.launches:
        raise NothingToRun(nothing(prepared.plan))
    return 0 if dry_run else _measure(prepared, out, probing=not unprobed)


@contextmanager
def _suite(named: tuple[str, ...], saved: Path | None) -> Iterator[Path]:
    """The one suite that is named, or one made for the models named. Raises InputError."""
    if not named:
        raise InputError(
            "no suite was given; write crossbench run SUITE, crossbench run MODEL..., or "
            "--resume RUN"
        )
    if is_suite(named[0]):
        if len(named) > 1 or saved:
            raise InputError(f"{named[0]} is a suite: name it alone, and without --save-suite")
        yield Path(named[0])
        return
    text = made(named)
    if saved:
        if saved.exists():
            raise InputError(f"--save-suite {saved}: it exists already; name another file")
        saved.write_text(text, encoding="utf-8")
        yield saved
        return
    with tempfile.TemporaryDirectory(prefix="crossbench-") as folder:
        path = Path(folder) / "models.toml"
        path.write_text(text, encoding="utf-8")
        yield path


def _only(prepared: Prepared) -> str:
    """The one target of a null test. Raises InputError with several, NothingToRun with none."""
    names = [target.target for target in prepared.plan.targets]
    if not names:
        raise NothingToRun(nothing(prepared.plan))
    if len(names) > 1:
        raise InputError(
            f"--null-test measures one target against itself; name one of {', '.join(names)}: "
            f"--null-test --target {names[0]}"
        )
    return names[0]


def _prepared(
    suite: Path,
    profile: Profile | None,
    chosen: Selection,
    artifacts: tuple[str, ...],
    twin: str | None = None,
) -> Prepared:
    display = TerminalDisplay()
    try:
        return prepare(
            suite,
            profile=profile,
            selection=chosen,
            progress=display,
            artifacts=artifacts,
            twin=twin,
        )
    finally:
        display.close()


def _measure(prepared: Prepared, out: Path | None, *, probing: bool) -> int:
    folder = out or folder_for(prepared.plan.suite.name, REPORTS, now())
    words = ["crossbench", *(os.fsencode(word).decode("utf-8", "replace") for word in sys.argv[1:])]
    return _shown(
        folder,
        lambda display: perform(
            prepared, folder=folder, command=words, display=display, probing=probing
        ),
    )


def _resume(folder: Path, retry_failed: bool, accept_changes: bool) -> int:
    return _shown(
        folder,
        lambda display: resume(
            folder, retry_failed=retry_failed, accept_changes=accept_changes, display=display
        ),
    )


def _shown(folder: Path, work: Callable[[TerminalDisplay], Result]) -> int:
    """Do the work before the user's eyes, and say how it ended."""
    display = TerminalDisplay()
    try:
        result = work(display)
    except KeyboardInterrupt:
        display.close()
        if (folder / MANIFEST).exists():
            kept = f"what was measured lies in {folder}; go on with:"
            say(f"interrupted; {kept}\n  crossbench run --resume {quote(str(folder))}", err=True)
        else:
            say("interrupted; nothing was measured yet", err=True)
        return INTERRUPTED
    finally:
        display.close()
    say((folder / "report.md").read_text(encoding="utf-8"))
    say(f"report: {folder / 'report.md'}")
    if result.failed:
        cells = counted(result.failed, "cell")
        say(f"{cells} failed; see 'Not measured' in the report", err=True)
        return 1
    return 0
