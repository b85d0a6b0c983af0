"""How commands print. By itself, so that a command need not import what others plan with."""

from __future__ import annotations

from contextlib import suppress

import click


def say(text: object, *, err: bool = False) -> None:
    """Print; a reader that has gone away costs its own reading, not the run."""
    with suppress(OSError):
        click.echo(text, err=err)
