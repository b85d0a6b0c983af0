"""`crossbench plugins`."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click
import msgspec

from crossbench.api import CONTRACT
from crossbench.cli.printing import say
from crossbench.plugins.check import Question, check
from crossbench.plugins.scaffold import scaffold
from crossbench.plugins.survey import Survey, survey
from crossbench.plugins.verdict import Checked, RuleVerdict
from crossbench.registry import Registry
from crossbench.report.words import table

RULE_COLUMNS = 46
MARKS = {"holds": "ok", "broken": "BROKEN", "left out": "-"}


@click.group(name="plugins")
def command() -> None:
    """List plugins, check one, begin one of your own."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_plugins(as_json: bool) -> int:
    """Plugins with what they provide, and what is broken and why. Exit 1 if any is."""
    found = survey(Registry(), CONTRACT)
    if as_json:
        say(_json(found))
    else:
        _print_survey(found)
    return 1 if any(plugin.complaints for plugin in found.plugins) else 0


@command.command(name="new")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder in which the package's own folder is made; else this one.",
)
def new(name: str, into: Path) -> None:
    """Write a package with a plugin NAME that works as it stands, on an engine to be replaced."""
    made = scaffold(name, into)
    say(f"{made.folder}: {len(made.files)} files")
    for number, place in enumerate(made.places, 1):
        say(f"  fill in {number}: {place}")
    say(f"next: uv pip install -e '{made.folder}' && crossbench plugins check {made.name}")


@command.command(name="check")
@click.argument("name")
@click.option("--model", type=click.Path(path_type=Path), help="A small model for its engine.")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the backend."
)
@click.option("--variant", help="Environment variant, instead of the automatic choice.")
@click.option("--python", type=click.Path(path_type=Path), help="Interpreter that has the engine.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="An attribute of the kit, such as loads=2; docs/conformance.md lists them.",
)
@click.option(
    "--run", type=click.Path(path_type=Path), help="A run's folder, to try formats of reports on."
)
@click.option("--suite", type=click.Path(path_type=Path), help="A suite, to try lint rules on.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check_plugin(
    name: str,
    model: Path | None,
    options: tuple[str, ...],
    variant: str | None,
    python: Path | None,
    settings: tuple[str, ...],
    run: Path | None,
    suite: Path | None,
    as_json: bool,
) -> int:
    """Hold the plugin NAME to every rule of the contract. Exit 1 if one is broken.

    Its backends run in their own environments, in real workers; exit 3 where there is none.
    """
    question = _question(model, options, variant, python, settings, run, suite)
    registry = Registry()
    checked = check(registry, name, question, _silent if as_json else _print_verdict)
    if as_json:
        say(_json(checked))
    else:
        _print_sum(checked)
    return 1 if checked.broken else 0


def _question(
    model: Path | None,
    options: tuple[str, ...],
    variant: str | None,
    python: Path | None,
    settings: tuple[str, ...],
    run: Path | None,
    suite: Path | None,
) -> Question:
    from crossbench.plugins import material  # noqa: PLC0415 - keeps `plugins list` quick

    return Question(
        model=model,
        options=dict(material.assignment("--option", given) for given in options),
        variant=variant,
        python=python,
        settings=dict(material.setting(given) for given in settings),
        report=material.report(run) if run else None,
        plan=material.plan(suite) if suite else None,
    )


def _silent(verdict: RuleVerdict) -> None:
    """JSON is printed at the end, whole."""


def _print_verdict(verdict: RuleVerdict) -> None:
    mark = MARKS[verdict.verdict].ljust(6)
    rule = f"{verdict.subject}: {verdict.rule}"
    if verdict.verdict == "left out":
        say(f"{mark}  {rule}: {verdict.found}")
        return
    say(f"{mark}  {rule}")
    if verdict.verdict == "broken":
        _print_part("found", verdict.found)
        _print_part("rule", verdict.statement)
        _print_part("do", verdict.do)


def _print_part(word: str, text: str) -> None:
    if text:
        head = f"        {word}: ".ljust(15)
        say(textwrap.fill(text, 100, initial_indent=head, subsequent_indent=" " * 15))


def _print_sum(checked: Checked) -> None:
    counts = (
        f"{checked.count('holds')} hold, {checked.count('broken')} broken, "
        f"{checked.count('left out')} left out"
    )
    say(f"\nplugin {checked.origin}, contract v{checked.origin.contract}: {counts}")
    if checked.versions:
        say("on " + ", ".join(f"{name} {version}" for name, version in checked.versions.items()))
    if checked.model is None and any("load" in each.found for each in checked.broken):
        say("No --model was given, so its engine got a folder without weights.")


def _print_survey(found: Survey) -> None:
    rows = [
        [
            f"{each.plugin} ({each.distribution} {each.version})",
            f"v{each.contract}",
            each.state,
            ", ".join(each.provides),
        ]
        for each in found.plugins
    ]
    say(table(["plugin", "contract", "state", "provides"], rows))
    backends = [
        [
            each.backend,
            f"{each.variant}, {each.environment}" if each.variant else each.environment,
            ", ".join(each.capabilities),
        ]
        for each in found.backends
    ]
    say("")
    say(table(["backend", "environment", "capabilities"], backends))
    for backend in found.backends:
        for tip in backend.advice:
            say(f"{backend.backend}: {tip}")
    for each in found.plugins:
        for complaint in each.complaints:
            name = f"{each.plugin} ({each.distribution} {each.version})"
            say(f"\nplugin {name} is left out at stage {complaint.stage!r}:", err=True)
            say(f"  found: {complaint.cause}\n  do:    {complaint.fix}", err=True)


def _json(told: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(told)).decode()
