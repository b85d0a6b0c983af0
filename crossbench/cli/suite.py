"""`crossbench suite`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crossbench.artifacts import pinning
from crossbench.artifacts.canonical import OF_ARTIFACT
from crossbench.artifacts.reference import Local, parse
from crossbench.cli.choices import suite_argument
from crossbench.cli.display import TerminalDisplay
from crossbench.plan.options import check_options
from crossbench.prompts.book import PromptBook
from crossbench.registry import Registry
from crossbench.report.words import counted
from crossbench.suite.json_schema import json_schema
from crossbench.suite.load import load


@click.group(name="suite")
def command() -> None:
    """Check, expand, pin and describe suite files."""


@command.command(name="check")
@suite_argument
def check(suite: Path) -> None:
    """Say all that is wrong with SUITE, with file, line and key. Exit 2 if anything is."""
    loaded = load(suite)
    check_options(suite, loaded, Registry())
    if isinstance(parse(loaded.model.tokenizer), Local) and loaded.model.tokenizer != OF_ARTIFACT:
        PromptBook.open(loaded)  # a tokenizer that would have to be fetched is left to the plan
    click.echo(
        f"{suite} is right: {counted(len(loaded.targets), 'target')}, "
        f"{counted(len(loaded.scenarios), 'scenario')}"
    )


@command.command(name="expand")
@suite_argument
def expand(suite: Path) -> None:
    """Print SUITE with every matrix unrolled and every path resolved, as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(load(suite))).decode())


@command.command(name="pin")
@suite_argument
def pin(suite: Path) -> None:
    """Name every repository of SUITE with the commit that it is now on the hub.

    Rewrites these strings in the file and nothing else. A suite that is pinned measures the same
    bytes next year.
    """
    display = TerminalDisplay()
    try:
        pinned = pinning.pin(suite, display)
    finally:
        display.close()
    for written, now in pinned.items():
        click.echo(f"{written} -> {now}")
    if not pinned:
        click.echo(f"{suite}: nothing to pin")


@command.command(name="schema")
def schema() -> None:
    """Print the JSON Schema of suite files, for editors."""
    click.echo(msgspec.json.format(msgspec.json.encode(json_schema())).decode())
