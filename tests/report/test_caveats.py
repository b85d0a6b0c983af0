"""What the headline and the bench card say of the instrument, and of what is unfair."""

from __future__ import annotations

from msgspec.structs import replace

from crossbench.analysis.instrument import UNKNOWN
from crossbench.api import Finding
from crossbench.report.headline import columns
from crossbench.report.html import page as html
from crossbench.report.markdown.caveats import caveats
from crossbench.report.markdown.headline import card, headline
from crossbench.report.model import Report
from tests.report.material import usual

LATE = "its event loop came 3 ms late"


def overloaded(where: dict[tuple[str, str], str], report: Report | None = None) -> Report:
    """With these reasons for targets on scenarios."""
    told = report or usual()
    return replace(
        told,
        scenarios=tuple(
            replace(
                scenario,
                cells=tuple(
                    replace(cell, overloaded=where.get((cell.target, scenario.name)))
                    for cell in scenario.cells
                ),
            )
            for scenario in told.scenarios
        ),
    )


def page(report: Report) -> str:
    return "\n".join(headline(report))


def test_an_overloaded_instrument_behind_the_headline_is_told_once_for_all_targets() -> None:
    shown = [column.scenario for column in columns(usual())]
    assert shown == ["short", "middle", "short"]
    report = overloaded(
        {("one", "short"): LATE, ("same", "short"): "other", ("two", "middle"): LATE}
    )
    told = "instrument overloaded, it may have been the slower part: one, same on short; two on"
    assert caveats(report)[0] == f"{told} middle"
    assert page(report).endswith(f"\n- **{told} middle**.")
    assert f"\n- **{told} middle**\n" in card(report)
    assert f"<p><strong>{told} middle.</strong></p>" in html.render(report)


def test_what_the_headline_does_not_show_is_no_caveat_of_it() -> None:
    """A scenario without a column, a limit that is not known, a value that is withheld."""
    assert not caveats(overloaded({("one", "long"): LATE}))
    assert not caveats(overloaded({("one", "short"): UNKNOWN, ("two", "short"): UNKNOWN}))
    report = overloaded({("one", "short"): LATE})
    scenarios = []
    for scenario in report.scenarios:
        one, *others = scenario.cells
        missing = tuple(replace(each, value=None, valid=False) for each in one.metrics)
        cells = (replace(one, metrics=missing), *others)
        scenarios.append(replace(scenario, cells=cells))
    report = replace(report, scenarios=tuple(scenarios))
    assert columns(report) == columns(usual())
    assert not caveats(report)
    assert "overloaded" not in page(report) + card(report)


def test_what_is_unfair_to_several_is_told_once() -> None:
    findings = tuple(
        Finding(rule="eager", severity="unfair", targets=(name,), evidence="no compiler", fix="-")
        for name in ("one", "two")
    )
    assert caveats(replace(usual(), findings=findings)) == ["one, two: unfair: no compiler"]
