from __future__ import annotations

import csv
from io import StringIO

from crossbench.report.csv import COLUMNS, render
from tests.report.material import usual


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(render(usual()))))


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


def test_the_columns_are_the_documented_ones() -> None:
    assert tuple(rows()[0]) == COLUMNS
