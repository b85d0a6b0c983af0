"""Charts of lines: throughput against the speed of each user, and how gaps are distributed."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from msgspec.structs import replace

from crossbench.analysis.latency import Latency, latency
from crossbench.analysis.metric import summarised
from crossbench.report.charts.latency import latency as latencies
from crossbench.report.charts.pareto import pareto
from crossbench.report.charts.svg import Chart, standalone
from crossbench.report.load_model import CurveReport, LevelReport, LoadReport
from crossbench.report.model import CellReport, Report
from crossbench.suite.tables.scenario import Slo
from tests.report.material import usual

SVG = "{http://www.w3.org/2000/svg}"
LEVELS = {"short": 1, "middle": 4, "long": 8}


def tree(chart: Chart) -> Element:
    return ElementTree.fromstring(standalone(chart))


def together(cell: CellReport, users: int) -> CellReport:
    """The cell with the throughput of so many users."""
    speed = next(metric for metric in cell.metrics if metric.name == "decode_tps")
    launches = {launch: users * value for launch, value in speed.launches.items()}
    whole = summarised("throughput_tps", "tokens/s", launches=launches)
    return replace(cell, metrics=(*cell.metrics, whole))


def loaded(levels: dict[str, int] = LEVELS, *, met: bool | None = None) -> Report:
    """The usual report, its scenarios taken for levels of one load."""
    report = usual()
    scenarios = tuple(
        replace(each, cells=tuple(together(cell, LEVELS[each.name]) for cell in each.cells))
        for each in report.scenarios
    )
    told = tuple(
        LevelReport(
            scenario=name,
            level=users,
            words=f"{users} users",
            launches=6,
            requests=8,
            failed=0,
            met=met and users < 8,
        )
        for name, users in levels.items()
    )
    load = LoadReport(
        name="chat",
        arrivals=None,
        requests=(8, 8, 8),
        room=None,
        slo=Slo(ttft_s=2.0) if met else None,
        attainment=0.9,
        find=False,
        curves=tuple(CurveReport(target=each.name, levels=told) for each in report.targets),
    )
    return replace(report, scenarios=scenarios, loads=(load,))


def marks(chart: Chart, place: int) -> list[tuple[float, float]]:
    """Centres of a target's markers, level by level, without those of the key."""
    group = tree(chart).find(f"{SVG}g[@data-target='{place}']")
    assert group is not None
    line = group.find(f"{SVG}polyline")
    assert line is not None
    return [
        (float(x), float(y))
        for x, y in (point.split(",") for point in line.attrib["points"].split())
    ]


def test_more_users_stand_higher_and_a_faster_target_to_the_right() -> None:
    (chart,) = pareto(loaded())
    one, two = marks(chart, 0), marks(chart, 1)
    assert chart.name == "load"
    assert len(one) == 3
    assert [y for _, y in one] == sorted((y for _, y in one), reverse=True)
    assert all(right > left for (left, _), (right, _) in zip(one, two, strict=True))
    zero = min(float(e.attrib["x1"]) for e in tree(chart).findall(f"{SVG}line"))
    assert (two[0][0] - zero) / (one[0][0] - zero) == pytest.approx(2, rel=0.02)


def test_levels_are_numbered_and_told() -> None:
    (chart,) = pareto(loaded())
    group = tree(chart).find(f"{SVG}g[@data-target='0']")
    assert group is not None
    assert [element.text for element in group.findall(f"{SVG}text")] == ["1", "4", "8"]
    assert re.search(r"one: 1 users [\d.]+ tok/s together, [\d.]+ tok/s each; 4", chart.description)


def test_levels_that_meet_the_slo_are_larger() -> None:
    (chart,) = pareto(loaded(met=True))
    radii = [
        float(e.attrib["r"]) for e in tree(chart).findall(f"{SVG}g[@data-target='0']/{SVG}circle")
    ]
    assert radii[:3] == [6.5, 6.5, 4.0]
    assert "levels that meet the SLO" in " ".join(tree(chart).itertext())
    assert "SLO" not in " ".join(tree(pareto(loaded())[0]).itertext())


def test_one_level_is_no_curve() -> None:
    assert pareto(loaded({"short": 1})) == []
    assert pareto(usual()) == []


def test_a_distribution_rises_to_the_rarest_gap() -> None:
    chart = latencies(usual())[0]
    one, two = marks(chart, 0), marks(chart, 1)
    assert [x for x, _ in one] == sorted(x for x, _ in one)
    assert [y for _, y in one] == sorted((y for _, y in one), reverse=True)
    assert all(slow < quick for (_, slow), (_, quick) in zip(one, two, strict=True))
    assert re.search(r"two: [\d.]+ ms at 10 %, [\d.]+ ms at 50 %", chart.description)


def test_percentiles_stop_where_the_gaps_carry_no_more() -> None:
    few = latency("s", "t", {"a": [0.01] * 20, "b": [0.01] * 20})
    assert few is not None
    assert few.fractions == (0.1, 0.25, 0.5, 0.75, 0.9)
    alone = latency("s", "t", {"a": [0.01] * 5000})
    assert alone is not None
    assert alone.fractions == (0.1, 0.25, 0.5)
    assert latency("s", "t", {"a": []}) is None


def test_distributions_are_those_of_all_gaps_together() -> None:
    gaps = {"a": [place / 1000 for place in range(1, 501)], "b": [1.0] * 500}
    found = latency("s", "t", gaps)
    assert found is not None
    told = dict(zip(found.fractions, found.seconds, strict=True))
    assert told[0.25] == pytest.approx(0.25, rel=0.01)
    assert told[0.75] == told[0.99] == 1.0
    assert max(told) == 0.995


def test_gaps_of_nothing_have_no_place_on_a_logarithmic_scale() -> None:
    still = Latency(scenario="short", target="one", fractions=(0.1, 0.5), seconds=(0.0, 0.1))
    assert latencies(replace(usual(), latencies=(still,))) == []
