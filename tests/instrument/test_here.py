"""The instrument measured on this machine, by real workers; no figure is held to a limit here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossbench.instrument.model import Figures
from crossbench.instrument.scripts import SINGLE
from crossbench.instrument.sitting import QUICK
from crossbench.journal.events import InstrumentMeasured
from crossbench.journal.reader import read_events
from tests.conftest import Crossbench, SuiteWriter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]
LOAD = """
[[scenarios]]
name = "crowd"
prompt_tokens = 16
output_tokens = 24
concurrency = 4
"""


@pytest.fixture
def crossbench(crossbench_process: Crossbench) -> Crossbench:
    """In a process of its own, as in one that is small."""
    return crossbench_process


def test_the_doctor_measures_the_instrument(crossbench: Crossbench) -> None:
    found = crossbench("doctor", "--instrument", "--quick", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    figures = json.loads(found.stdout)
    assert [each["script"]["streams"] for each in figures["trials"]] == list(QUICK)
    assert [each["streams"] for each in figures["capacities"]] == list(QUICK)
    for each in figures["trials"]:
        assert each["ttft"]["bias"] > 0, "no chunk comes before its time"
        assert each["cpu_s"] > 0


def test_quick_alone_says_nothing(crossbench: Crossbench) -> None:
    found = crossbench("doctor", "--quick")
    assert found.returncode == 2
    assert "--instrument" in found.stderr


def measured(crossbench: Crossbench, path: Path) -> tuple[list[Figures], str]:
    folder = path.parent / "run"
    told = crossbench("run", path, "--out", folder)
    assert told.returncode == 0, told.stderr
    events = [each for each in read_events(folder) if isinstance(each, InstrumentMeasured)]
    return [each.figures for each in events], (folder / "report.md").read_text()


def test_a_run_under_load_tells_what_is_the_instruments_own(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    targets = {"one": 'style = "async", tpot_s = 0.002'}
    (figures,), page = measured(crossbench, suite(targets, scenarios=LOAD))
    assert [each.script.streams for each in figures.trials] == [1, 4]
    assert [each.streams for each in figures.capacities] == [4]
    assert "With 4 streams of 50 tok/s each the instrument itself was off by" in page


def test_a_run_of_single_requests_tells_it_too(crossbench: Crossbench, suite: SuiteWriter) -> None:
    (figures,), page = measured(crossbench, suite())
    (trial,) = figures.trials
    assert trial.script == SINGLE
    assert trial.ttft.bias > 0, "no chunk comes before its time"
    assert not figures.capacities
    assert "With one request of 100 tok/s at a time the instrument itself was off by" in page


def test_a_cell_beyond_what_the_instrument_carries_says_so(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    """What it carries is measured up to 256 streams, and nothing is known beyond."""
    targets = {"crowd": 'style = "async", tpot_s = 0.02'}
    crowd = LOAD.replace("concurrency = 4", "concurrency = 257").replace("= 24", "= 4")
    _, page = measured(crossbench, suite(targets, scenarios=crowd))
    assert "**instrument overloaded**, crowd at 257 users:" in page
