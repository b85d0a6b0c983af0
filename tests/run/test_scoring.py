"""Scoring, forced output and own requirements in whole runs on the null engine."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from crossbench.journal.events import SampleTaken, WindowScored
from crossbench.journal.reader import read_events, read_manifest
from tests.conftest import ROOT, Crossbench, SuiteWriter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store", "no_process_left")]
TEXT = ROOT / "suites" / "quality" / "tiny-held-out.txt"
QUALITY = f'[quality]\ntext = "{TEXT}"\nwindow = 64\nwindows = 9\nreference = "one"\n'
SCENARIO = '[[scenarios]]\nname = "short"\nprompt_tokens = 16\noutput_tokens = 24\n'


def report(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "report.json").read_text())
    assert isinstance(found, dict)
    return found


def test_every_target_is_scored_once_and_never_timed(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "", "two": ""}, protocol="launches = 2", scenarios=SCENARIO + QUALITY)
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 0, done.stderr
    told = report(tmp_path / "result")
    one, two = told["scoring"]["targets"]
    bits = 9 * 32 * math.log2(1000) / told["scoring"]["bytes"]  # the null engine finds all alike
    assert one["bits_per_byte"] == two["bits_per_byte"] == pytest.approx(bits)
    assert two["difference"]["bits_per_byte"] == 0
    assert two["difference"]["top1_agreement"] == 1
    assert [target["launches"] for target in told["targets"]] == [2, 2]
    page = (tmp_path / "result" / "report.md").read_text()
    assert "288 tokens" in page
    assert "same likeliest token" in page


def test_without_a_text_the_report_says_that_quality_was_not_measured(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    assert crossbench("run", suite(), "--out", "result").returncode == 0
    assert "Quality not measured" in (tmp_path / "result" / "report.md").read_text()


def test_a_target_that_breaks_while_scoring_keeps_its_speed(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": 'score_fault = "raise"', "two": ""}, scenarios=SCENARIO + QUALITY)
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 0, done.stderr
    told = report(tmp_path / "result")
    one, two = told["scoring"]["targets"]
    assert (one["word"], one["bits_per_byte"]) == ("failed", None)
    assert "broken as scripted" in one["reason"]
    assert two["bits_per_byte"] is not None
    assert two["difference"] is None
    assert told["scenarios"][0]["cells"][0]["valid_samples"] == 3
    assert "Quality of one not measured" in (tmp_path / "result" / "report.md").read_text()


def test_a_score_that_breaks_the_contract_is_refused(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": 'score_fault = "short"'}, scenarios=SCENARIO + QUALITY)
    assert crossbench("run", path, "--out", "result").returncode == 0
    (one,) = report(tmp_path / "result")["scoring"]["targets"]
    assert "gave 31 scores; due were 32" in one["reason"]


def test_a_resumed_run_scores_only_what_is_missing(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "", "two": ""}, scenarios=SCENARIO + QUALITY)
    assert crossbench("run", path, "--out", "result").returncode == 0
    folder = tmp_path / "result"
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    fourth = [n for n, line in enumerate(lines) if '"WindowScored"' in line][3]
    (folder / "journal.jsonl").write_text("".join(lines[: fourth + 1]))
    assert crossbench("run", "--resume", "result").returncode == 0
    scored = [
        (event.launch.partition("@")[0], event.window)
        for event in read_events(folder)
        if isinstance(event, WindowScored)
    ]
    assert scored == [(f"q-{name}", window) for name in ("one", "two") for window in range(9)]


def test_a_forced_scenario_decodes_along_ids_that_are_the_same_for_all(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "", "two": ""}, scenarios=SCENARIO + "forced = true\n")
    assert crossbench("run", path, "--out", "result").returncode == 0
    events = [e for e in read_events(tmp_path / "result") if isinstance(e, SampleTaken)]
    ids = {
        name: [e.record.token_ids for e in events if e.launch.endswith(name)]
        for name in ("one", "two")
    }
    assert ids["one"] == ids["two"]
    assert len(set(ids["one"])) == len(ids["one"]) == 4
    assert "given ones, the same for every target" in (tmp_path / "result/report.md").read_text()


def test_an_engine_that_does_not_follow_the_forced_ids_is_found_out(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "follows = false"}, scenarios=SCENARIO + "forced = true\n")
    assert crossbench("run", path, "--out", "result").returncode == 1
    assert (
        "not the ids that were to be decoded along"
        in (tmp_path / "result" / "report.md").read_text()
    )


def test_a_target_with_requirements_of_its_own_has_its_own_environment(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "", "two": ""})
    text = path.read_text().replace(
        "[targets.two]\n", '[targets.two]\nrequires = ["no-such-engine==1.0"]\n'
    )
    path.write_text(text)
    done = crossbench("run", path, "--out", "result", "--trust")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "result" / "report.md").read_text()
    assert "**two** on every scenario: unavailable: building null (host) failed" in page
    assert "no-such-engine" in page
    assert [target.target for target in read_manifest(tmp_path / "result").plan.targets] == ["one"]
