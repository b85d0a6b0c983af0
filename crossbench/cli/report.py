"""`crossbench report`."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

import click

from crossbench.cli.printing import say
from crossbench.errors import InputError
from crossbench.registry import ProvidedReporter, Registry
from crossbench.report import llama_bench
from crossbench.report.given import asked
from crossbench.report.markdown.headline import card
from crossbench.report.reporters import write_others
from crossbench.report.words import plain
from crossbench.report.write import RENDERINGS, USUAL, place, put
from crossbench.suggest import suggestion


@click.command(name="report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--format",
    "formats",
    default=",".join(USUAL),
    show_default=True,
    help=f"Comma-separated formats to write, of {', '.join(RENDERINGS)}, and those of plugins.",
)
@click.option("--short", is_flag=True, help="Write nothing; print a bench card to paste.")
@click.option(
    "--baseline", metavar="TARGET", help="Hold the others against this target, not the suite's."
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write into this folder; by default into that of a single RUN.",
)
@click.option(
    "--redact/--no-redact",
    default=True,
    show_default=True,
    help="Take out names, paths, addresses and serials; without, for your own use.",
)
def command(
    runs: tuple[str, ...],
    formats: str,
    short: bool,
    baseline: str | None,
    out: Path | None,
    redact: bool,
) -> None:
    """Rebuild the reports of RUN, a run's folder, or make one report of several runs.

    Several may be of several machines, or of one machine again; LABEL=RUN gives a run a name. The
    same runs give the same bytes.
    """
    gc.disable()  # a large report is millions of small objects, none of them in a cycle
    if not short and out is None and len(runs) > 1:
        raise InputError("several runs: name the folder of their report: --out DIR")
    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",")))
    own = tuple(name for name in wanted if name in RENDERINGS)
    others = _others([name for name in wanted if name not in RENDERINGS])
    report = asked(runs, baseline, redact=redact)
    if short:
        say(card(report).rstrip())
        return
    folder = out or Path(runs[0])
    put(report, folder, own)
    for name in own:
        say(place(folder, name))
    if "llama-bench" in own and (loaded := llama_bench.loaded(report)):
        say(
            "llama-bench: the format has no row for what was measured under load, which is "
            f"{plain(', '.join(loaded))}",
            err=True,
        )
    for path in write_others(folder, report, others):
        say(path)


def _others(names: Sequence[str]) -> list[ProvidedReporter]:
    """Formats that plugins provide. Raises InputError, naming what is known and what is broken."""
    if not names:
        return []
    registry = Registry()
    known = registry.reporters(RENDERINGS)
    for name in names:
        if name not in known:
            allowed = [*RENDERINGS, *known]
            broken = "".join(f"\n  {problem}" for problem in registry.problems)
            raise InputError(
                f"--format {name}: unknown{suggestion(name, allowed)}; "
                f"allowed: {', '.join(allowed)}{broken}"
            )
    return [known[name] for name in names]
