from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from msgspec.structs import replace

from crossbench.report.charts.all import charts
from crossbench.report.charts.rows import MOST_CHARTS, MOST_ROWS
from crossbench.report.charts.svg import Chart, inline, standalone
from crossbench.report.model import Report
from tests.comparison.scripted import Script
from tests.report.material import made, usual

SVG = "{http://www.w3.org/2000/svg}"


def drawn(report: Report) -> dict[str, Chart]:
    return {chart.name: chart for chart in charts(report)}


def tree(chart: Chart) -> Element:
    return ElementTree.fromstring(standalone(chart))


def rows(chart: Chart, panel: int) -> list[Element]:
    """The groups of one scenario, a target each."""
    return tree(chart).findall(f"{SVG}g[@data-panel='{panel}']/{SVG}g")


def middle(row: Element) -> float:
    """Where the marker of a row stands, from left to right."""
    for element in row:
        if element.get("class") in ("mark", "hollow"):
            return _middle(element)
    raise AssertionError("no marker")


def _middle(element: Element) -> float:
    if (centre := element.get("cx")) is not None:
        return float(centre)
    if (points := element.get("points")) is not None:
        places = [float(point.split(",")[0]) for point in points.split()]
        return (min(places) + max(places)) / 2
    return float(element.attrib["x"]) + float(element.attrib["width"]) / 2


def bar(row: Element) -> tuple[float, float]:
    return next(
        (float(element.attrib["x1"]), float(element.attrib["x2"]))
        for element in row
        if (element.get("class") or "").startswith("bar")
    )


def test_a_run_has_the_charts_that_its_data_carry() -> None:
    assert list(drawn(usual())) == [
        "decode",
        "prefill",
        "prefill-by-length",
        "decode-by-length",
        "gaps",
        "latency",
        "latency-2",
    ]
    assert list(drawn(made(scenarios={"short": 16}))) == ["decode", "gaps", "latency"]
    assert charts(replace(usual(), scenarios=(), latencies=())) == ()


def test_the_same_report_gives_the_same_bytes() -> None:
    again = [standalone(chart) for chart in charts(made())]
    assert [standalone(chart) for chart in charts(usual())] == again


def test_a_chart_stands_where_its_values_say() -> None:
    one, two, same = rows(drawn(usual())["decode"], 0)
    low, high = bar(two)
    assert middle(one) < middle(two)
    assert middle(one) == pytest.approx(middle(same), abs=3)
    assert low < middle(two) < high


def test_twice_as_much_is_twice_as_far_from_zero() -> None:
    chart = drawn(usual())["decode"]
    one, two, _ = rows(chart, 0)
    zero = next(
        float(element.attrib["x1"])
        for element in tree(chart).findall(f"{SVG}line")
        if element.get("class") == "rule"
    )
    assert (middle(two) - zero) / (middle(one) - zero) == pytest.approx(2.0, rel=0.02)


def test_what_is_withheld_is_said_and_not_drawn() -> None:
    report = usual()
    gone = [
        replace(
            cell,
            metrics=tuple(
                replace(metric, value=None, launches={}, ci95=None, low=None, high=None, n=0)
                if metric.name == "decode_tps" and cell.target == "two"
                else metric
                for metric in cell.metrics
            ),
        )
        for cell in report.scenarios[0].cells
    ]
    first = replace(report.scenarios[0], cells=tuple(gone))
    chart = drawn(replace(report, scenarios=(first, *report.scenarios[1:])))["decode"]
    row = rows(chart, 0)[1]
    assert "withheld" in list(row.itertext())
    assert not [element for element in row if element.get("class") in ("mark", "bar")]
    assert "two withheld" in chart.description


def test_a_target_has_one_colour_and_one_marker_in_every_chart() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for chart in charts(usual()):
        for group in tree(chart).iter(f"{SVG}g"):
            place = group.get("data-target")
            for element in group:
                if place is not None and element.get("class") in ("mark", "hollow"):
                    shape = (group.attrib["class"], element.tag)
                    found.setdefault(place, set()).add(shape)
    assert {place: len(shapes) for place, shapes in found.items()} == {"0": 1, "1": 1, "2": 1}
    assert len({shape for shapes in found.values() for shape in shapes}) == 3


def test_without_an_interval_the_bar_is_dashed() -> None:
    row = rows(drawn(made(launches=2))["decode"], 0)[0]
    assert "bar range" in [element.get("class") for element in row]
    assert "bar range" not in [e.get("class") for e in rows(drawn(usual())["decode"], 0)[0]]


def test_a_reader_who_cannot_see_it_is_told_the_values() -> None:
    chart = drawn(usual())["decode-by-length"]
    root = tree(chart)
    assert root.get("role") == "img"
    told = root.find(f"{SVG}desc")
    assert told is not None
    assert re.search(r"two: [\d.]+ tok/s at 32 tokens, [\d.]+ tok/s at 300 tokens", told.text or "")
    assert root.get("aria-describedby") == told.get("id")
    assert root.find(f"{SVG}title") is not None


def test_a_chart_in_a_page_brings_no_style_of_its_own() -> None:
    chart = charts(usual())[0]
    assert "<style>" in standalone(chart)
    assert "<style>" not in inline(chart)


def test_both_lights_are_in_the_file() -> None:
    text = standalone(charts(usual())[0])
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text


def test_names_that_are_too_long_are_cut_and_told_in_full() -> None:
    name = "n" * 60
    chart = drawn(made({name: Script(), "b": Script()}))["decode"]
    row = rows(chart, 0)[0]
    told = row.find(f"{SVG}title")
    assert told is not None
    assert (told.text or "").startswith(name)
    labels = [element.text or "" for element in row.findall(f"{SVG}text")]
    assert labels[0].endswith("\u2026")
    assert len(labels[0]) < 30


def large() -> Iterator[Chart]:
    report = usual()
    panel = report.scenarios[1]
    cells = tuple(replace(panel.cells[0], target=f"t{place}") for place in range(MOST_ROWS - 1))
    targets = tuple(replace(report.targets[0], name=cell.target) for cell in cells)
    scenarios = tuple(
        replace(panel, name=f"s{place}", cells=cells) for place in range(MOST_CHARTS + 3)
    )
    many = replace(report, targets=targets, scenarios=scenarios, comparisons=())
    return (chart for chart in charts(many) if chart.name.startswith("decode"))


def test_very_many_rows_become_several_charts_and_the_rest_is_said_to_be_missing() -> None:
    names = []
    for chart in large():
        names.append(chart.name)
        assert len(tree(chart).findall(f"{SVG}g/{SVG}g")) <= MOST_ROWS
    assert names == ["decode", "decode-2", "decode-3", "decode-4"]
    assert "Further panels are not drawn" in " ".join(tree(chart).itertext())
