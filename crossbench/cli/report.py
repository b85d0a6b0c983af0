"""`crossbench report`."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from crossbench.cli.choices import say
from crossbench.errors import InputError
from crossbench.report.build import build
from crossbench.report.markdown.headline import card
from crossbench.report.write import RENDERINGS, USUAL, place, write


@click.command(name="report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    default=",".join(USUAL),
    show_default=True,
    help=f"Comma-separated formats to write, of {', '.join(RENDERINGS)}.",
)
@click.option("--short", is_flag=True, help="Write nothing; print a bench card to paste.")
@click.option(
    "--baseline", metavar="TARGET", help="Hold the others against this target, not the suite's."
)
def command(run: Path, formats: str, short: bool, baseline: str | None) -> None:
    """Rebuild the reports of RUN, a run's folder. The same run gives the same bytes."""
    gc.disable()  # a large report is millions of small objects, none of them in a cycle
    if short:
        say(card(build(run, baseline)).rstrip())
        return
    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",")))
    for name in wanted:
        if name not in RENDERINGS:
            raise InputError(f"--format {name}: unknown; allowed: {', '.join(RENDERINGS)}")
    write(run, wanted, baseline)
    for name in wanted:
        say(place(run, name))
