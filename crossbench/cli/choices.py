"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from crossbench import owner
from crossbench.duration.timing import timed
from crossbench.errors import InputError
from crossbench.plan.budget import seconds
from crossbench.plan.selection import Selection
from crossbench.provision.prepare import Prepared
from crossbench.suite.tables.protocol import Profile

R = TypeVar("R")

REPORTS = Path("reports")
"""Where runs are kept that nobody gave another folder."""


def _seconds(_: click.Context, __: click.Parameter, written: str | None) -> float | None:
    """A time as it is written. Raises InputError."""
    return None if written is None else seconds(written)


suite_argument = click.argument("suite", type=click.Path(path_type=Path))

OPTIONS = (
    click.option(
        "--python",
        "pythons",
        multiple=True,
        metavar="BACKEND=PATH",
        help="Use this interpreter, which has the engine, instead of building an environment.",
    ),
    click.option(
        "--variant",
        "variants",
        multiple=True,
        metavar="BACKEND=NAME",
        help="Environment variant (cpu, cuda, metal, ...) instead of the automatic choice.",
    ),
    click.option(
        "--profile",
        type=click.Choice(get_args(Profile)),
        help="Preset of launches, repeats and warm-ups; beats what the suite says.",
    ),
    click.option(
        "--artifact",
        "artifacts",
        multiple=True,
        metavar="TARGET=PATH",
        help="Measure this file or directory instead of what the suite names.",
    ),
    click.option(
        "--ignore", "ignored", multiple=True, metavar="RULE", help="Tell nothing of this rule."
    ),
    click.option(
        "--trust",
        is_flag=True,
        help="Use the interpreters, packages and build settings that the suite names.",
    ),
    click.option(
        "--budget",
        callback=_seconds,
        metavar="TIME",
        help="Choose what to leave out so that it takes at most this long, such as 30m or 2h.",
    ),
    click.option("--scenario", "scenarios", multiple=True, help="Only this scenario."),
    click.option("--target", "targets", multiple=True, help="Only this target."),
)
"""Of all that plans a suite: what of it, with what, and for how long."""


def selecting(function: Callable[..., R]) -> Callable[..., R]:
    """Give these options to a command, which takes what they choose as one `Selection`, and
    profile, artifacts and budget as they are."""

    @wraps(function)
    def deciding(
        *,
        targets: Sequence[str],
        scenarios: Sequence[str],
        variants: Sequence[str],
        pythons: Sequence[str],
        trust: bool,
        ignored: Sequence[str],
        **others: Any,
    ) -> R:
        chosen = selection(targets, scenarios, variants, pythons, trust, ignored)
        return function(chosen=chosen, **others)

    command: Callable[..., R] = deciding
    for decorate in OPTIONS:
        command = decorate(command)
    return command


def estimated(prepared: Prepared, budget: float | None) -> Prepared:
    """With the time it will take, cut to the budget, in seconds."""
    return timed(prepared, runs=REPORTS / prepared.plan.suite.name, budget_s=budget)


def selection(
    targets: Sequence[str],
    scenarios: Sequence[str],
    variants: Sequence[str],
    pythons: Sequence[str],
    trust: bool,
    ignored: Sequence[str],
) -> Selection:
    """What the user chose, on what the machine's owner has set.

    Raises InputError for a value that is not BACKEND=VALUE, or a machine file that is wrong.
    """
    return Selection(
        targets=tuple(targets),
        scenarios=tuple(scenarios),
        variants=dict(pair("--variant", given) for given in variants),
        pythons=dict(pair("--python", given) for given in pythons),
        trust=trust,
        ignored=tuple(ignored),
        owned=owner.load(),
    )


def pair(option: str, given: str) -> tuple[str, str]:
    """`backend=value` in two. Raises InputError."""
    backend, separator, value = given.partition("=")
    if not (backend and separator and value):
        raise InputError(f"{option} {given}: found no BACKEND=VALUE; write {option} llamacpp=VALUE")
    return backend, value
