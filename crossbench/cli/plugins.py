"""`crossbench plugins`."""

from __future__ import annotations

import click

from crossbench.registry import Registry
from crossbench.report.words import table


@click.group(name="plugins")
def command() -> None:
    """The backend plugins that are installed."""


@command.command(name="list")
def list_plugins() -> int:
    """Backends with their plugin, and plugins left out with the reason. Exit 1 if any is."""
    registry = Registry()
    rows = [
        [
            name,
            str(provided.origin),
            ", ".join(provided.spec.environments),
            ", ".join(sorted(item.value for item in provided.spec.capabilities)),
        ]
        for name, provided in sorted(registry.backends.items())
    ]
    click.echo(table(["backend", "plugin", "variants", "capabilities"], rows))
    for problem in registry.problems:
        click.echo(str(problem), err=True)
    return 1 if registry.problems else 0
