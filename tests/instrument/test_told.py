"""The figures as people and programs read them."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from crossbench.instrument.model import Capacity, Figures, Script
from crossbench.instrument.told import summary, told
from tests.instrument.played import trial

FIGURES = Figures(
    trials=(
        trial(Script(streams=64, tpot_s=0.02, chunks=15), bias=0.001),
        trial(Script(streams=1, tokens_per_chunk=8, tpot_s=0.0001, chunks=900), bias=-0.5),
    ),
    capacities=(Capacity(streams=1, chunks_per_s=61_234.5), Capacity(streams=64, chunks_per_s=0.0)),
)


def test_a_trial_is_a_row_and_a_limit_a_line() -> None:
    page = told(FIGURES)
    rows = [line.split("|") for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(FIGURES.trials)
    assert len({len(row) for row in rows}) == 1
    assert "+0.10 %, 20 \u00b5s" in page
    assert "-50.00 %" in page
    assert "1 stream: up to 61,234 chunks a second" in page


def test_a_report_is_told_what_is_the_instruments_own() -> None:
    lines = list(summary(FIGURES))
    assert lines[0].startswith("With 64 streams of 50 tok/s each the instrument itself was off by")
    assert "20 \u00b5s in TPOT" in lines[0]
    assert lines[-1].endswith(".")


def test_one_request_at_a_time_is_told_as_such() -> None:
    alone = trial(Script(streams=1, tpot_s=0.01, chunks=8, repeats=5), bias=0.001)
    (line,) = summary(Figures(trials=(alone,)))
    assert line.startswith("With one request of 100 tok/s at a time the instrument itself was off")
    assert "10 \u00b5s in TPOT" in line
    assert line.endswith("differences below that are its own.")


def test_targets_behind_a_server_are_told_apart() -> None:
    *lines, last = summary(FIGURES, ["served", "remote"])
    assert lines == list(summary(FIGURES))
    assert last.startswith("That is of the instrument in process.")
    assert "over HTTP is not known here: served, remote." in last


def test_what_nobody_looked_at_is_a_dash() -> None:
    alone = replace(FIGURES.trials[0], lag_p99_s=None, cpu_s=None)
    row = next(line for line in told(Figures(trials=(alone,))).splitlines() if "0.10 %" in line)
    assert [cell.strip() for cell in row.split("|")][-3:-1] == ["\u2013", "\u2013"]


def test_a_sitting_that_failed_says_why() -> None:
    (line,) = summary(Figures(failure="the worker was lost"))
    assert "was not measured: the worker was lost" in line


def test_figures_are_read_back_as_they_were_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(FIGURES), type=Figures) == FIGURES
