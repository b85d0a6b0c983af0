from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

from msgspec.structs import replace

from crossbench.analysis.instrument import UNKNOWN
from crossbench.report.csv import COLUMNS, render
from crossbench.report.model import NonResultReport, Report
from tests.report.material import usual
from tests.report.test_interference import every, front
from tests.report.test_interference import made as interfered
from tests.report.test_scaling import LLAMACPP
from tests.report.test_scaling import made as scaled


def rows(report: Report | None = None) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(render(report or usual()))))


def test_there_is_one_row_for_each_cell_and_metric() -> None:
    report = usual()
    cells = [
        (scenario.name, cell.target, metric.name)
        for scenario in report.scenarios
        for cell in scenario.cells
        for metric in cell.metrics
    ]
    found = [(row["scenario"], row["target"], row["metric"]) for row in rows()]
    assert found[: len(cells)] == cells
    assert len(set(found)) == len(found)
    assert {row["metric"] for row in rows() if not row["scenario"]} >= {"load_s"}


def test_values_keep_all_their_digits() -> None:
    cell = usual().scenarios[1].cells[1]
    wanted = next(metric for metric in cell.metrics if metric.name == "prefill_tps")
    row = next(
        row
        for row in rows()
        if (row["scenario"], row["target"], row["metric"]) == ("middle", "two", "prefill_tps")
    )
    assert float(row["value"]) == wanted.value
    assert wanted.ci95 is not None
    assert float(row["ci95_low"]) == wanted.ci95.low
    assert row["launches"] == "6"
    assert row["verdict"] == "slower"
    assert 0.49 < float(row["ratio"]) < 0.51
    assert row["baseline"] == "one"


def test_what_is_withheld_is_empty_and_has_its_reason() -> None:
    row = next(row for row in rows() if row["metric"] == "prefill_tps")
    assert row["scenario"] == "short"
    assert row["value"] == ""
    assert row["reasons"] == "fewer than 256 prompt tokens were computed"


def test_every_metric_of_an_overloaded_cell_has_the_flag() -> None:
    short, *rest = usual().scenarios
    one, two, same = short.cells
    held = (replace(one, overloaded="late"), replace(two, overloaded=UNKNOWN), same)
    report = replace(usual(), scenarios=(replace(short, cells=held), *rest))
    before = rows()
    for row, plain in zip(rows(report), before, strict=True):
        told = [plain["flags"]] if plain["flags"] else []
        if (row["scenario"], row["target"]) == ("short", "one"):
            told.append("instrument overloaded")
        assert row["flags"] == "; ".join(told)


def test_what_was_not_measured_has_its_row() -> None:
    missing = NonResultReport(
        target="three",
        scenario="long",
        word="failed",
        kind="oom",
        reason="=none",
        launch="b1-three",
    )
    *_, row = rows(replace(usual(), non_results=(missing,)))
    assert (row["scenario"], row["target"], row["kind"]) == ("long", "three", "non-result")
    assert (row["metric"], row["value"]) == ("failed", "")
    assert row["reasons"] == "b1-three: oom: =none"


def test_what_a_background_costs_has_a_row_for_each_metric(tmp_path: Path) -> None:
    report = interfered(tmp_path, 1.25, every())
    found = {
        row["metric"]: row
        for row in rows(report)
        if row["metric"].startswith("interference") and row["target"] == "front"
    }
    told = front(report)
    assert told.comparison is not None
    wanted = {each.metric: each.ratio for each in told.comparison.metrics}
    assert set(found) == {f"interference_{metric}" for metric in wanted}
    ratio = wanted["decode_tps"]
    assert ratio is not None
    row = found["interference_decode_tps"]
    assert float(row["value"]) == float(row["ratio"]) == ratio.point
    assert (row["scenario"], row["baseline"]) == (told.disturbed, told.quiet)
    back = (row for row in rows(report) if row["target"] == "back")
    (withheld,) = (row for row in back if row["metric"] == "interference")
    assert withheld["value"] == ""
    assert withheld["reasons"]


def test_how_devices_are_shared_has_a_row_for_each_level(tmp_path: Path) -> None:
    report = scaled(tmp_path, "llamacpp", {"one": LLAMACPP["one"], "pair": LLAMACPP["pair"]})
    (scaling,) = report.scaling
    found = [row for row in rows(report) if row["metric"] == "scaling_efficiency"]
    assert [(row["target"], row["scenario"]) for row in found] == [
        (row.target, row.scenario) for row in scaling.rows
    ]
    for row, told in zip(found, scaling.rows, strict=True):
        assert row["value"] == ("" if told.efficiency is None else repr(told.efficiency.point))
        assert row["ratio"] == ("" if told.speedup is None else repr(told.speedup.point))
        assert (row["load"], row["level"] != "") == (scaling.load, True)


def test_the_columns_are_the_documented_ones() -> None:
    assert tuple(rows()[0]) == COLUMNS
