"""`crossbench compare`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crossbench.cli.printing import say
from crossbench.comparison.gate import Condition, Trip, parse, trips
from crossbench.errors import InputError
from crossbench.files import replace
from crossbench.report import text
from crossbench.report.build import build
from crossbench.report.markdown import versus as markdown
from crossbench.report.markdown.comparison import ratio
from crossbench.report.saved import Named, named
from crossbench.report.versus import Versus, versus, within
from crossbench.report.words import TITLES
from crossbench.report.write import as_json

TRIPPED = 4


@click.command(name="compare")
@click.argument("baseline", metavar="A")
@click.argument("target", metavar="[B]", required=False)
@click.option(
    "--baseline", "chosen", metavar="TARGET", help="With A alone: hold its targets against this."
)
@click.option(
    "--fail-on",
    "written",
    metavar="CONDITION",
    help="Exit 4 where B is found to be so, such as 'slower>5%'.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="With --fail-on: also where that could not be decided.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--save-baseline",
    "saved",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With A alone: keep it in FILE, to compare later runs with.",
)
def command(
    baseline: str,
    target: str | None,
    chosen: str | None,
    written: str | None,
    strict: bool,
    form: str,
    saved: Path | None,
) -> int:
    """Hold B against A, the baseline: ratios, intervals, verdicts, and what else differs.

    A and B are a run's folder, a target of it (RUN#TARGET), or a saved report. Without B the
    targets of A are held against each other.
    """
    condition = _condition(written, strict)
    one = named(baseline)
    if target is None:
        if saved is not None:
            return _save(one, chosen, written, saved)
        found = within(_against(one, chosen))
    else:
        if chosen or saved:
            raise InputError("--baseline and --save-baseline are of one run: give A alone")
        found = versus(one, named(target))
    say(_printed(found, form))
    tripped = trips(found.comparisons, condition, strict=strict) if condition else ()
    for trip in tripped:
        say(_told(trip, str(condition)), err=True)
    return TRIPPED if tripped else 0


def _condition(written: str | None, strict: bool) -> Condition | None:
    """Raises InputError, before anything is read."""
    if written is None and strict:
        raise InputError("--strict says how to judge --fail-on; give both")
    return parse(written) if written is not None else None


def _against(one: Named, chosen: str | None) -> Named:
    """The run with another baseline, if one is chosen."""
    if one.target is not None:
        raise InputError(f"{one.written} is one target; name another to compare it with")
    if chosen is None:
        return one
    folder = Path(one.written)
    if not folder.is_dir():
        raise InputError(f"--baseline {chosen}: {folder} is a saved report; name its run")
    return Named(written=one.written, report=build(folder, chosen), target=None)


def _save(one: Named, chosen: str | None, written: str | None, saved: Path) -> int:
    if one.target is not None or chosen or written:
        raise InputError("--save-baseline keeps a whole run: give it with A alone")
    try:
        replace(saved, as_json(one.report))
    except OSError as error:
        raise InputError(f"cannot write {saved}: {error.strerror}") from error
    say(f"saved; later: crossbench compare {saved} RUN")
    return 0


def _printed(found: Versus, form: str) -> str:
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(found), indent=1).decode()
    return markdown.render(found) if form == "md" else text.render(found)


def _told(trip: Trip, condition: str) -> str:
    compared, comparison = trip.compared, trip.comparison
    shown = " ".join(filter(None, [ratio(compared), compared.verdict]))
    return (
        f"{condition}: {TITLES[compared.metric]} of {comparison.target} on {comparison.scenario}: "
        f"{shown} ({compared.reason})"
    )
