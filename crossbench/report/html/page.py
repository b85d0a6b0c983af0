"""`report.html`: everything of a report in one file, readable without script or network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crossbench.report.answer import answer
from crossbench.report.asked import told_together, unsaid
from crossbench.report.charts.all import charts
from crossbench.report.charts.palette import STYLE
from crossbench.report.charts.svg import Chart, inline, key
from crossbench.report.headline import Verdicts, cell_of, columns, found_of
from crossbench.report.html.cells import cell, row
from crossbench.report.html.policy import policy
from crossbench.report.html.prose import html
from crossbench.report.html.tables import rows_of
from crossbench.report.machine import sections
from crossbench.report.markdown.bandwidth import bandwidth
from crossbench.report.markdown.caveats import overloads
from crossbench.report.markdown.comparison import comparison
from crossbench.report.markdown.energy import energy
from crossbench.report.markdown.integrity import integrity
from crossbench.report.markdown.interference import interference
from crossbench.report.markdown.load import load
from crossbench.report.markdown.memory import memory
from crossbench.report.markdown.null_test import null_test
from crossbench.report.markdown.page import definitions, done, of_each, place, reproduce
from crossbench.report.markdown.probes import probes
from crossbench.report.markdown.protocol import protocol
from crossbench.report.markdown.quality import quality
from crossbench.report.markdown.results import GAPS, SPEEDS, not_measured, remarks
from crossbench.report.markdown.runs import runs
from crossbench.report.markdown.scaling import scaling
from crossbench.report.markdown.targets import targets
from crossbench.report.model import Report, ScenarioReport
from crossbench.report.settings import settings
from crossbench.report.views import views
from crossbench.report.weights import bits
from crossbench.report.words import TITLES, counted, lengths, plain

HERE = Path(__file__).parent
MOST_CELLS = 2000
"""A page of more is slow to open: it has the speeds, and `report.csv` what else was measured."""


def render(report: Report, drawn: Sequence[Chart] | None = None) -> str:
    """The whole page; with its charts where they are drawn already."""
    style, script = stylesheet() + STYLE, _text("page.js")
    return str(
        _page().render(
            report=report,
            style=_own(style),
            script=_own(script),
            policy=policy(style, script),
            answer=answer(report),
            columns=columns(report),
            overloads=list(overloads(report)),
            verdicts=Verdicts(report),
            places={target.name: place for place, target in enumerate(report.targets)},
            whole=sum(len(scenario.cells) for scenario in report.scenarios) <= MOST_CELLS,
            keys={target.name: _own(key(place)) for place, target in enumerate(report.targets)},
            charts=[_own(inline(chart)) for chart in (charts(report) if drawn is None else drawn)],
            scored={each.target: each for each in report.scoring.targets} if report.scoring else {},
            settings=settings(report),
            asked=list(told_together(report)),
            machines=[(view.label, tuple(sections(view.report.machine))) for view in views(report)],
            place=html("Run", [place(report), done(report)]),
            prose=_prose(report),
        )
    )


def _prose(report: Report) -> dict[str, Markup]:
    """The sections that the markdown report has in the same words."""
    told = partial(html, rows=rows_of(report))
    return {
        "runs": told("Runs", runs(report)),
        "comparison": told("Verdicts", comparison(report, tabled=False)),
        "null_test": told("Null test", null_test(report)),
        "load": told("Load", load(report)),
        "scaling": told("Scaling", of_each(report, scaling)),
        "interference": told("Interference", of_each(report, interference)),
        "not_measured": told("Not measured", not_measured(report.non_results)),
        "quality": told("Quality", quality(report)),
        "targets": told("Targets", targets(report)),
        "memory": told("Memory", memory(report)),
        "energy": told("Energy", energy(report)),
        "probes": told("Probes", of_each(report, probes)),
        "protocol": told("Protocol", of_each(report, protocol)),
        "integrity": told("Integrity", of_each(report, lambda run: [integrity(run)])),
        "definitions": told("Definitions", [definitions(report)]),
        "reproduce": told("Reproduce", of_each(report, reproduce)),
    }


def _notes(report: Report, scenario: ScenarioReport) -> Markup:
    parts = [*bandwidth(report, scenario.name), "\n".join(remarks(scenario))]
    return html(scenario.name, parts)


def _measured(scenario: ScenarioReport, names: Sequence[str]) -> list[str]:
    """The metrics that at least one target has."""
    return [
        name
        for name in names
        if any(
            (found := found_of(cell, name)) is not None and found.value is not None
            for cell in scenario.cells
        )
    ]


@cache
def _page() -> Any:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.globals.update(
        bits=bits,
        cell=cell,
        cell_of=cell_of,
        counted=counted,
        gaps=GAPS,
        lengths=lengths,
        measured_of=_measured,
        notes=_notes,
        row=row,
        speeds=SPEEDS,
        titles=TITLES,
        unsaid=unsaid,
    )
    return environment.get_template("page.html.j2")


def stylesheet() -> str:
    """How every page of ours looks."""
    return _text("page.css")


def visible(value: object) -> object:
    """Whatever a template prints passes here: control and direction characters become escapes."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _own(text: str) -> Markup:
    """Text of this package, which needs no escaping."""
    return Markup(text)  # noqa: S704


@cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
