"""`crossbench report`."""

from __future__ import annotations

from pathlib import Path

import click

from crossbench.cli.choices import say
from crossbench.errors import InputError
from crossbench.report.write import RENDERINGS, place, write


@click.command(name="report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    default=",".join(RENDERINGS),
    show_default=True,
    help="Comma-separated formats to write.",
)
def command(run: Path, formats: str) -> None:
    """Rebuild the reports of RUN, a run's folder. The same run gives the same bytes."""
    wanted = tuple(part.strip() for part in formats.split(","))
    for name in wanted:
        if name not in RENDERINGS:
            raise InputError(f"--format {name}: unknown; allowed: {', '.join(RENDERINGS)}")
    write(run, wanted)
    for name in wanted:
        say(place(run, name))
