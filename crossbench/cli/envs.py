"""`crossbench envs`."""

from __future__ import annotations

import click

from crossbench.cli.display import TerminalDisplay
from crossbench.envs import environment, store
from crossbench.registry import Registry
from crossbench.report.words import size, table
from crossbench.suite.tables.protocol import Deadlines


@click.group(name="envs")
def command() -> None:
    """The isolated environments that engines run in."""


@command.command(name="list")
def list_environments() -> None:
    """Environments that are built, their size, and where they lie."""
    rows = [
        [
            stored.folder.name,
            stored.record.how if stored.record else "unfinished",
            stored.record.built_at if stored.record else "",
            size(store.size_bytes(stored.folder)),
        ]
        for stored in store.stored()
    ]
    click.echo(f"in {store.root()}")
    if rows:
        click.echo(table(["environment", "from", "built", "size"], rows, numeric=1))


@command.command(name="build")
@click.argument("backend")
@click.option("--variant", help="Instead of the variant this machine suggests.")
def build(backend: str, variant: str | None) -> None:
    """Build the environment of BACKEND, or say that it is there already."""
    spec = Registry().backend(backend).spec
    display = TerminalDisplay()
    try:
        built = environment.resolve(
            spec,
            variant=variant,
            python=None,
            progress=display,
            deadline_s=Deadlines().build_s,
        )
    finally:
        display.close()
    click.echo(f"{backend} {built.variant}: {built.python}")
    for name in spec.distributions:
        click.echo(f"  {name} {built.versions.get(name, 'not installed')}")


@command.command(name="remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove the environment NAME, as `envs list` prints it."""
    click.echo(f"removed {store.remove(name)}")
