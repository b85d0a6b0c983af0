"""`crossbench publish`."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from crossbench.cli.printing import say
from crossbench.errors import InputError
from crossbench.publish.copy import publish
from crossbench.publish.index import PAGE, README, index
from crossbench.redaction.names import here


@click.command(name="publish")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--without-prompts",
    is_flag=True,
    help="Leave out prompts and answers, their ids included, and the engines' logs.",
)
@click.option(
    "--hide",
    "hidden",
    multiple=True,
    metavar="NAME",
    help="Take out this name too, beside those of host and user.",
)
def command(
    folder: Path, runs: tuple[Path, ...], without_prompts: bool, hidden: tuple[str, ...]
) -> None:
    """Copy RUNs into DIR without anything private, and write an index over the reports there.

    The runs themselves stay as they are. Made again, it gives the same bytes.
    """
    gc.disable()  # as for a report
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder; name the one that reports are published in")
    for run in runs:
        say(publish(run, folder, without_prompts=without_prompts, hidden=hidden, here=here()))
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder, and no RUN was named to publish in it")
    found = index(folder)
    for reason in found.left_out:
        say(f"not in the index: {reason}", err=True)
    say(folder / README)
    say(folder / PAGE)
