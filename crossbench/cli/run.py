"""`crossbench run`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crossbench.cli import planned
from crossbench.cli.choices import selecting, selection, suite_argument
from crossbench.cli.display import TerminalDisplay
from crossbench.errors import NothingToRun
from crossbench.journal import now
from crossbench.run import Result, folder_for, nothing, perform, prepare
from crossbench.suite.schema import Profile

REPORTS = Path("reports")
INTERRUPTED = 130


@click.command(name="run")
@suite_argument
@selecting
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The run folder itself; by default reports/SUITE/TIME.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and measure nothing.")
def command(
    suite: Path,
    targets: tuple[str, ...],
    scenarios: tuple[str, ...],
    profile: Profile | None,
    variants: tuple[str, ...],
    pythons: tuple[str, ...],
    out: Path | None,
    dry_run: bool,
) -> int:
    """Measure SUITE on this machine and write report.md and report.json.

    Builds the environments it needs first, saying so. Ctrl-C ends it cleanly; what was measured
    until then is reported.
    """
    prepared = prepare(
        suite, profile=profile, selection=selection(targets, scenarios, variants, pythons)
    )
    click.echo(planned.text(prepared.plan))
    if not prepared.plan.launches:
        raise NothingToRun(nothing(prepared.plan))
    if dry_run:
        return 0
    folder = out or folder_for(prepared.plan.suite.name, REPORTS, now())
    display = TerminalDisplay(prepared.plan.requests)
    click.echo("")
    try:
        result = perform(prepared, folder=folder, command=_command(), display=display)
    except KeyboardInterrupt:
        click.echo(f"interrupted; what was measured lies in {folder}", err=True)
        return INTERRUPTED
    finally:
        display.close()
    return _told(result)


def _command() -> list[str]:
    return ["crossbench", *sys.argv[1:]]


def _told(result: Result) -> int:
    click.echo("")
    click.echo((result.folder / "report.md").read_text(encoding="utf-8"))
    click.echo(f"report: {result.folder / 'report.md'}")
    if result.failed:
        click.echo(f"{result.failed} cells failed; see 'Not measured' in the report", err=True)
        return 1
    return 0
