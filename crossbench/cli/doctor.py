"""`crossbench doctor`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

import click
import msgspec

from crossbench import owner
from crossbench.doctor import Diagnosis, diagnose, shareable
from crossbench.envs import store
from crossbench.lint.condition import Condition
from crossbench.machine import facts
from crossbench.registry import Registry
from crossbench.report.machine import Section, sections


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "--redacted", is_flag=True, help="To be shown: without host, user, paths, serials and UUIDs."
)
@click.option(
    "--instrument",
    is_flag=True,
    help="Instead: measure what crossbench itself adds here, on an engine whose times are known.",
)
@click.option("--quick", is_flag=True, help="With --instrument: seconds instead of a minute.")
def command(as_json: bool, redacted: bool, instrument: bool, quick: bool) -> int:
    """Show this machine, its plugins and environments, and what to fix. Changes nothing.

    Exit 1 if a plugin is broken.
    """
    if quick and not instrument:
        raise click.UsageError("--quick says how --instrument is done; give both")
    if instrument:
        return _measure_instrument(as_json, quick)
    diagnosis = diagnose(facts.observe(), Registry())
    if redacted:
        diagnosis = shareable(diagnosis)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(diagnosis)).decode())
    else:
        for line in machine_lines(sections(diagnosis.machine), diagnosis.conditions):
            click.echo(line)
        click.echo(f"\nPython {diagnosis.machine.python}")
        if not redacted:
            click.echo(f"environments in {store.root()}")
            _print_owner()
        _print_backends(diagnosis)
    return 1 if diagnosis.problems else 0


def _measure_instrument(as_json: bool, quick: bool) -> int:
    from crossbench.cli.display import TerminalDisplay  # noqa: PLC0415 - doctor is quick without
    from crossbench.instrument import sitting, told  # noqa: PLC0415

    display = TerminalDisplay()
    try:
        figures = sitting.held(Registry(), display, quick=quick)
    finally:
        display.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(figures)).decode())
    else:
        click.echo(told.told(figures))
    return 0


def machine_lines(told: Iterable[Section], found: Sequence[Condition]) -> Iterator[str]:
    """A machine as the doctor prints it: its facts, and what to do before one measures."""
    for number, section in enumerate(told):
        yield f"{chr(10) if number else ''}{section.title}"
        width = max(len(label) for label, _ in section.rows)
        for label, text in section.rows:
            yield f"  {label.ljust(width)}  {text}"
    if found:
        yield "\nbefore you measure:"
    for each in found:
        yield f"  [{each.rule}] {each.severity}: {each.evidence}; {each.fix}"


def _print_backends(diagnosis: Diagnosis) -> None:
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
