"""`crossbench plan`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crossbench.cli import planned
from crossbench.cli.choices import estimated, selecting, suite_argument
from crossbench.cli.display import TerminalDisplay
from crossbench.errors import ArtifactFailure, NothingToRun
from crossbench.plan.selection import Selection
from crossbench.provision.prepare import prepare
from crossbench.suite.tables.protocol import Profile


@click.command(name="plan")
@suite_argument
@selecting
@click.option("--json", "as_json", is_flag=True, help="The whole plan as JSON.")
def command(
    suite: Path,
    chosen: Selection,
    profile: Profile | None,
    artifacts: tuple[str, ...],
    budget: float | None,
    as_json: bool,
) -> None:
    """Show what SUITE would run here, what not and why. Starts nothing, and fetches at most its
    tokenizer."""
    display = TerminalDisplay()
    try:
        prepared = prepare(
            suite,
            profile=profile,
            selection=chosen,
            progress=display,
            artifacts=artifacts,
        )
    finally:
        display.close()
    prepared = estimated(prepared, budget)
    plan = prepared.plan
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(plan)).decode())
    else:
        click.echo(planned.text(plan))
        if isinstance(prepared.book, ArtifactFailure):
            click.echo(f"the tokenizer is not here: {prepared.book}")
    if not plan.launches:
        raise NothingToRun(f"nothing of suite {plan.suite.name} can run here; the plan says why")
