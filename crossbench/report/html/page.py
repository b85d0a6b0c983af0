"""`report.html`: everything of a report in one file, readable without script or network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crossbench.report.answer import answer
from crossbench.report.charts.all import charts
from crossbench.report.charts.palette import STYLE
from crossbench.report.charts.svg import inline, key
from crossbench.report.headline import Verdicts, columns, found_of, metric_of
from crossbench.report.html.cells import shown
from crossbench.report.html.policy import policy
from crossbench.report.html.prose import html
from crossbench.report.machine import sections
from crossbench.report.markdown.bandwidth import bandwidth
from crossbench.report.markdown.comparison import RULE, listed
from crossbench.report.markdown.energy import energy
from crossbench.report.markdown.integrity import integrity
from crossbench.report.markdown.memory import memory
from crossbench.report.markdown.null_test import null_test
from crossbench.report.markdown.page import definitions, meaning
from crossbench.report.markdown.probes import probes
from crossbench.report.markdown.protocol import protocol
from crossbench.report.markdown.quality import quality
from crossbench.report.markdown.results import GAPS, SPEEDS, not_measured, remarks
from crossbench.report.markdown.targets import targets
from crossbench.report.model import Report, ScenarioReport
from crossbench.report.settings import settings
from crossbench.report.weights import bits
from crossbench.report.words import TITLES, counted, lengths, plain

HERE = Path(__file__).parent
MOST_CELLS = 2000
"""A page of more is slow to open: it has the speeds, and `report.csv` what else was measured."""


def render(report: Report) -> str:
    """The whole page."""
    style, script = _text("page.css") + STYLE, _text("page.js")
    return str(
        _page().render(
            report=report,
            style=_own(style),
            script=_own(script),
            policy=policy(style, script),
            answer=answer(report),
            columns=columns(report),
            verdicts=Verdicts(report),
            places={target.name: place for place, target in enumerate(report.targets)},
            whole=sum(len(scenario.cells) for scenario in report.scenarios) <= MOST_CELLS,
            keys={target.name: _own(key(place)) for place, target in enumerate(report.targets)},
            charts=[_own(inline(chart)) for chart in charts(report)],
            scored={each.target: each for each in report.scoring.targets} if report.scoring else {},
            settings=settings(report),
            machine=tuple(sections(report.machine)),
            command=" ".join(quote(word) for word in report.command),
            prose=_prose(report),
        )
    )


def _prose(report: Report) -> dict[str, Markup]:
    """The sections that the markdown report has in the same words."""
    return {
        "rule": html("Verdicts", [RULE, listed(report.comparisons, report.axis)]),
        "null_test": html("Null test", null_test(report)),
        "not_measured": html("Not measured", not_measured(report.non_results)),
        "quality": html("Quality", quality(report)),
        "targets": html("Targets", targets(report)),
        "memory": html("Memory", memory(report)),
        "energy": html("Energy", energy(report)),
        "probes": html("Probes", probes(report)),
        "protocol": html("Protocol", protocol(report)),
        "integrity": html("Integrity", [integrity(report)]),
        "definitions": html("Definitions", [definitions(report)]),
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
        finalize=_visible,
    )
    environment.globals.update(
        bits=bits,
        counted=counted,
        found_of=found_of,
        gaps=GAPS,
        lengths=lengths,
        meaning=meaning,
        measured_of=_measured,
        metric_of=metric_of,
        notes=_notes,
        shown=shown,
        speeds=SPEEDS,
        titles=TITLES,
    )
    return environment.get_template("page.html.j2")


def _visible(value: object) -> object:
    """Whatever a template prints passes here: control and direction characters become escapes."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _own(text: str) -> Markup:
    """Text of this package, which needs no escaping."""
    return Markup(text)  # noqa: S704


@cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
