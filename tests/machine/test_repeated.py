"""A run whose phases are too short for their energy, beside a processor that draws 30 W."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from crossbench.analysis import energy_windows, joules
from crossbench.api import ProbeSpec
from crossbench.cli import cli
from crossbench.journal.events import CellFailed, LaunchStarted, SampleTaken
from crossbench.journal.reader import read_events
from crossbench.machine import recorder
from crossbench.machine.probes.rapl import RaplProbe
from crossbench.run import alone
from tests.machine.probed import SUITE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left", "store")]
TREE = "CROSSBENCH_TEST_RAPL"
WATTS = 30.0
WINDOW_S = 1.0
NS = 1e9


class Meter(RaplProbe):
    """The kernel's files, in a folder, where a counter grows as time does."""

    def __init__(self) -> None:
        super().__init__(Path(os.environ[TREE]))

    def read(self) -> list[float | None]:
        for file in self._files:
            file.write_text(f"{int(1e6 * WATTS * time.perf_counter())}\n")
        return list(super().read())


@pytest.fixture
def rapl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One package, read by the sampler as every probe is."""
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "energy_uj").write_text("0\n")
    monkeypatch.setenv(TREE, str(tmp_path))
    meter = ProbeSpec(name="rapl", factory="tests.machine.test_repeated:Meter")
    monkeypatch.setattr("crossbench.registry.BUILT_IN", (meter,))


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 1 s in place of 10, and rules that bear a busy machine's pauses between them."""
    monkeypatch.setattr(joules, "GAP_S", 60.0)
    monkeypatch.setattr(energy_windows, "BUSY", 0.1)
    for module in (alone, joules, energy_windows):
        monkeypatch.setattr(module, "WINDOW_S", WINDOW_S)
    monkeypatch.setattr(alone, "FILL_S", 1.1 * WINDOW_S)
    monkeypatch.setattr(recorder, "IDLE_S", WINDOW_S + 0.5)


def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, suite: str = SUITE
) -> dict[str, Any]:
    """The report of a run of one launch."""
    monkeypatch.chdir(tmp_path)
    once = suite.replace("launches = 2", f"launches = 1\n{protocol}")
    (tmp_path / "suite.toml").write_text(once)
    assert cli.main(["run", "suite.toml", "--out", "run"], standalone_mode=False) == 0
    told: dict[str, Any] = json.loads((tmp_path / "run" / "report.json").read_text())
    return told


def test_short_phases_are_repeated_alone_behind_all_that_is_timed(
    rapl: None, brief: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run(tmp_path, monkeypatch, "energy = true\n")
    (use,) = told["energy"]
    assert (use["scope"], use["repeated"]) == ("cpu_package", ["prefill", "decode"])
    events = list(read_events(tmp_path / "run"))
    samples = [event for event in events if isinstance(event, SampleTaken)]
    roles = [sample.role for sample in samples]
    assert roles == sorted(roles, key=["warmup", "timed", "prefill", "decode"].index)
    metrics = {metric["name"]: metric["value"] for metric in use["metrics"]}
    for role, name in (("prefill", "prompt_token_j"), ("decode", "output_token_j")):
        taken = [sample for sample in samples if sample.role == role]
        tokens = sum(
            each.prompt_tokens if role == "prefill" else each.asked_tokens for each in taken
        )
        last = taken[-1].record
        spent_ns = last.t0_ns + last.stamps_ns[-1] - taken[0].record.t0_ns
        assert spent_ns / NS >= WINDOW_S
        assert metrics[name] == pytest.approx(WATTS * spent_ns / NS / tokens, rel=0.2)
        assert all(each.prompt_tokens == (16 if role == "prefill" else 2) for each in taken)
    assert metrics["output_token_of_requests_j"] is None
    assert "until they filled a window" in (tmp_path / "run" / "report.md").read_text()
    cell = told["scenarios"][0]["cells"][0]
    assert cell["metrics"][0]["n"] == 1


@pytest.mark.parametrize("fault", ["refuse", "crash"])
def test_an_engine_that_breaks_while_it_repeats_costs_no_cell(
    rapl: None, brief: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The fifth request, behind a warm-up, two that are timed and one that is repeated."""
    monkeypatch.setattr(recorder, "IDLE_S", 0.0)
    broken = f'load_s = 0.2, fault = "{fault}", fault_on = 4 }}'
    told = run(tmp_path, monkeypatch, "energy = true\n", SUITE.replace("load_s = 0.2 }", broken))
    events = list(read_events(tmp_path / "run"))
    assert [each for each in events if isinstance(each, CellFailed)] == []
    assert len([each for each in events if isinstance(each, LaunchStarted)]) == 1
    assert told["scenarios"][0]["cells"][0]["metrics"][0]["n"] == 1
    assert [use["scope"] for use in told["energy"]] == ["cpu_package"]


def test_where_nobody_asks_nothing_is_repeated(
    rapl: None, brief: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (use,) = run(tmp_path, monkeypatch, "")["energy"]
    assert use["repeated"] == []
    assert use["metrics"][0]["reasons"][0].startswith("window-too-short: 2 of 2 windows of prefill")
    roles = {e.role for e in read_events(tmp_path / "run") if isinstance(e, SampleTaken)}
    assert roles == {"warmup", "timed"}
