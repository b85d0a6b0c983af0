"""`crossbench doctor`."""

from __future__ import annotations

import textwrap

import click
import msgspec

from crossbench import owner
from crossbench.doctor import Diagnosis, diagnose
from crossbench.envs import store
from crossbench.machine import facts
from crossbench.registry import Registry
from crossbench.report.words import size


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(as_json: bool) -> int:
    """Show this machine, its plugins and environments, and what to fix. Changes nothing.

    Exit 1 if a plugin is broken.
    """
    diagnosis = diagnose(facts.observe(), Registry())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(diagnosis)).decode())
    else:
        _print(diagnosis)
    return 1 if diagnosis.problems else 0


def _print(diagnosis: Diagnosis) -> None:
    machine = diagnosis.machine
    click.echo(f"{machine.cpu}: {machine.physical_cores} cores, {size(machine.memory_bytes)}")
    click.echo(f"{machine.system} ({machine.platform}{', WSL' if machine.wsl else ''})")
    click.echo(f"CUDA devices: {', '.join(machine.cuda_devices) or 'none'}")
    click.echo(f"Python {machine.python}; environments in {store.root()}")
    _print_owner()
    for item in diagnosis.backends:
        variant = f", variant {item.variant}" if item.variant else ""
        click.echo(f"\n{item.backend}: {item.state}{variant}, by {item.plugin}")
        for tip in item.advice:
            click.echo(f"  - {tip}")
    for problem in diagnosis.problems:
        click.echo(f"\n{problem}", err=True)


def _print_owner() -> None:
    """Where the machine file is, what it sets, or what one looks like."""
    file = owner.path()
    if not file.exists():
        click.echo(f"machine file (none yet): {file}, such as")
        click.echo(textwrap.indent(owner.EXAMPLE, "    "), nl=False)
        return
    click.echo(f"machine file: {file}, sets {', '.join(owner.load()) or 'nothing'}")
