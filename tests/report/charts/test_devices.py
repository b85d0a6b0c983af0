"""Charts of what probes read: they exist where there are readings."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from msgspec.structs import replace

from crossbench.analysis.memory import MemoryUse
from crossbench.analysis.telemetry import Pace, Telemetry, Trace, Watch
from crossbench.api import DeviceMemory
from crossbench.report.charts.memory import memory
from crossbench.report.charts.over_time import over_time
from crossbench.report.charts.svg import Chart, standalone
from crossbench.report.model import Report
from tests.report.material import usual

SVG = "{http://www.w3.org/2000/svg}"
GIB = 2**30


def tree(chart: Chart) -> Element:
    return ElementTree.fromstring(standalone(chart))


def used(*uses: MemoryUse) -> Report:
    return replace(usual(), memory=uses)


GPU = MemoryUse(
    target="one",
    device="GPU 0",
    baseline_bytes=1 * GIB,
    peak_bytes=8 * GIB,
    capacity_bytes=24 * GIB,
    engine=DeviceMemory(weights_bytes=4 * GIB, kv_bytes=2 * GIB, compute_bytes=None),
)


def test_blocks_stand_one_after_the_other_as_long_as_what_they_are() -> None:
    (chart,) = memory(used(replace(GPU, capacity_bytes=10 * GIB)))
    found = {
        element.get("class"): (float(element.attrib["x"]), float(element.attrib["width"]))
        for element in tree(chart).iter(f"{SVG}rect")
        if element.get("class") != "paper"
    }
    assert list(found) == ["before", "block", "block kv", "room"]
    start, before = found["before"]
    assert found["block"] == pytest.approx((start + before, 4 * before), abs=0.3)
    assert found["block kv"] == pytest.approx((start + 5 * before, 2 * before), abs=0.3)
    peak = next(line for line in tree(chart).iter(f"{SVG}line") if line.get("class") == "peak")
    assert float(peak.attrib["x1"]) == pytest.approx(start + 8 * before, abs=0.3)
    assert found["room"] == pytest.approx((start, 10 * before), abs=0.5)


def test_a_device_so_large_that_nothing_could_be_seen_has_no_frame() -> None:
    for capacity, framed in ((160 * GIB, True), (161 * GIB, False), (None, False)):
        (chart,) = memory(used(replace(GPU, capacity_bytes=capacity)))
        kinds = [element.get("class") for element in tree(chart).iter(f"{SVG}rect")]
        assert ("room" in kinds) is framed


def test_each_device_has_a_panel_with_its_capacity() -> None:
    other = replace(GPU, target="two", device="GPU 1", capacity_bytes=None)
    (chart,) = memory(used(GPU, other))
    heads = [e.text for e in tree(chart).iter(f"{SVG}text") if e.get("class") == "head"]
    assert heads == ["GPU 0, 24 GiB", "GPU 1"]


def test_a_device_of_which_far_less_is_used_has_a_chart_of_its_own() -> None:
    small = replace(GPU, device="cpu", capacity_bytes=None, engine=None, peak_bytes=2**24)
    near = replace(GPU, device="worker", capacity_bytes=None, engine=None, peak_bytes=2**33)
    big = replace(GPU, capacity_bytes=24 * GIB)
    charts = memory(used(big, small, near))
    assert [chart.name for chart in charts] == ["memory", "memory-2"]
    assert "worker" in charts[0].description
    assert charts[1].description.startswith("cpu: ")


def test_the_whole_machines_memory_is_no_row_of_a_target() -> None:
    assert memory(used(replace(GPU, device="memory", engine=None))) == []
    assert memory(used(replace(GPU, device="memory, box", engine=None))) == []
    assert memory(usual()) == []


def telemetry(*traces: Trace) -> Telemetry:
    paces = tuple(
        Pace(
            target=target,
            scenario="short",
            launch=f"b{place}-{target}",
            at_s=10.0 * place,
            decode_tps=100.0 / place,
            ttft_s=0.1,
            samples=2,
        )
        for place, target in enumerate(("one", "two", "one"), 1)
    )
    watch = Watch(launch="b3-one", target="one", begin_s=29.0, end_s=40.0)
    return Telemetry(
        absent=None, paces=paces, watches=(watch,), at_s=(5.0, 15.0, 25.0), traces=traces
    )


HEAT = Trace(
    device="GPU 0",
    quantity="temperature",
    unit="\u00b0C",
    mean=(40.0, None, 80.0),
    least=(39.0, None, 79.0),
    most=(41.0, None, 81.0),
)


def over(found: Telemetry) -> list[Chart]:
    return over_time(replace(usual(), telemetry=found), [target.name for target in usual().targets])


def test_speed_stands_above_the_heat_of_the_same_time() -> None:
    (chart,) = over(telemetry(HEAT))
    marks = [
        element
        for element in tree(chart).iter(f"{SVG}circle")
        if element.get("class") == "mark" and float(element.attrib["cy"]) < 200
    ]
    first, last = (float(mark.attrib["cx"]) for mark in marks)
    line = next(e for e in tree(chart).iter(f"{SVG}polyline") if e.get("class") == "trace")
    begin, end = (tuple(map(float, point.split(","))) for point in line.attrib["points"].split())
    assert begin[0] < first < end[0] < last
    assert (last - first) / (end[0] - begin[0]) == pytest.approx(1.0, rel=0.01)
    assert end[1] < begin[1]
    assert "temperature, \u00b0C: 40 to 80" in chart.description


def test_without_readings_the_speeds_stand_alone_and_say_so() -> None:
    (chart,) = over(telemetry())
    assert "No temperature and no power was read" in " ".join(tree(chart).itertext())
    assert not list(tree(chart).iter(f"{SVG}polyline"))


def test_one_launch_has_no_course() -> None:
    found = telemetry()
    assert over(replace(found, paces=found.paces[:1])) == []
    assert over(Telemetry()) == []
