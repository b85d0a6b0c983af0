"""Whole runs on the null engine, from the command line to the report, with real workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from crossbench.journal.events import SampleTaken
from crossbench.journal.reader import read_events, read_manifest
from tests.conftest import Crossbench, SuiteWriter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store", "no_process_left")]


def samples(folder: Path, role: str = "timed") -> list[SampleTaken]:
    return [e for e in read_events(folder) if isinstance(e, SampleTaken) and e.role == role]


def cells(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    report = json.loads((folder / "report.json").read_text())
    return {
        (cell["target"], scenario["name"]): cell
        for scenario in report["scenarios"]
        for cell in scenario["cells"]
    }


def metric(cell: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (item for item in cell["metrics"] if item["name"] == name)
    assert isinstance(found, dict)
    return found


def test_a_run_from_suite_to_report(
    crossbench_process: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite(
        {"slow": "ttft_s = 0.05, tpot_s = 0.004", "quick": "ttft_s = 0.02, tpot_s = 0.002"},
        protocol="launches = 2\nrepeats = 2\nwarmups = 1",
    )
    done = crossbench_process("run", path, "--out", "result")
    folder = tmp_path / "result"
    assert done.returncode == 0, done.stderr
    assert len(samples(folder)) == 8
    assert len(samples(folder, "sentinel")) == 8
    assert len(samples(folder, "burn_in")) == 4
    assert len(samples(folder, "warmup")) == 4 + 2
    found = cells(folder)
    slow, quick = found["slow", "short"], found["quick", "short"]
    assert 0.05 <= metric(slow, "ttft_s")["value"] < 0.2
    assert 50 < metric(slow, "decode_tps")["value"] < 260
    assert metric(quick, "decode_tps")["value"] > metric(slow, "decode_tps")["value"]
    assert metric(quick, "decode_tps")["n"] == 2
    assert quick["cache"] == "cold"
    report = (folder / "report.md").read_text()
    assert "Same prompt ids for every target in 1 scenario." in report
    assert read_manifest(folder).suite_text == path.read_text()


def test_the_same_run_gives_the_same_bytes(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    assert crossbench("run", suite(), "--out", folder).returncode == 0
    first = {name: (folder / name).read_bytes() for name in ("report.md", "report.json")}
    for name in first:
        (folder / name).unlink()
    assert crossbench("report", folder).returncode == 0
    assert {name: (folder / name).read_bytes() for name in first} == first


def test_every_number_can_be_traced_to_its_samples(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    assert crossbench("run", suite(), "--out", folder).returncode == 0
    cell = cells(folder)["one", "short"]
    lines = (folder / "journal.jsonl").read_text().splitlines()
    ((first, last),) = cell["lines"].values()
    taken = [json.loads(line) for line in lines[first - 1 : last]]
    ttfts = [event["record"]["stamps_ns"][0] / 1e9 for event in taken]
    assert metric(cell, "ttft_s")["value"] == pytest.approx(sum(ttfts) / len(ttfts))


def test_all_targets_get_the_same_ids_and_no_two_samples_do(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    path = suite({"a": "", "b": ""}, protocol="launches = 2\nrepeats = 2")
    assert crossbench("run", path, "--out", folder).returncode == 0
    sent = {
        target: [s.prompt_sha256 for s in samples(folder) if s.launch.endswith(target)]
        for target in ("a", "b")
    }
    assert sent["a"] == sent["b"]
    assert len(set(sent["a"])) == 4
    assert not set(sent["a"]) & {s.prompt_sha256 for s in samples(folder, "warmup")}


@pytest.mark.parametrize(
    "fault", ["crash", "raise", "exit", "fork", "refuse", "garbage", "no_finish"]
)
def test_a_broken_target_costs_its_cells_and_nobody_elses(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path, fault: str
) -> None:
    path = suite({"bad": f'fault = "{fault}", fault_on = 2', "good": ""})
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 1
    found = cells(tmp_path / "result")
    assert found["good", "short"]["valid_samples"] == 3
    assert found["bad", "short"]["valid_samples"] < 3
    report = (tmp_path / "result" / "report.md").read_text()
    assert "**bad** on short: failed" in report
    assert "Traceback" not in done.stdout + done.stderr


def test_too_few_tokens_make_a_sample_invalid_and_named(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    done = crossbench("run", suite({"one": 'fault = "short", fault_on = 2'}), "--out", "result")
    assert done.returncode == 0
    assert "12 tokens came, 24 were asked" in (tmp_path / "result" / "report.md").read_text()
    assert cells(tmp_path / "result")["one", "short"]["valid_samples"] == 2


def test_what_a_lost_worker_left_undone_is_measured_by_another(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    table = '[[scenarios]]\nname = "{}"\nprompt_tokens = 16\noutput_tokens = 24\n'
    scenarios = "".join(table.format(name) for name in ("first", "second", "third"))
    path = suite({"one": 'fault = "crash", fault_on = 5'}, scenarios=scenarios)
    assert crossbench("run", path, "--out", "result").returncode == 1
    found = cells(tmp_path / "result")
    assert found["one", "first"]["valid_samples"] == 3
    assert ("one", "second") not in found
    assert found["one", "third"]["valid_samples"] == 3


def test_a_context_too_small_costs_that_cell_alone(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    scenarios = '[[scenarios]]\nname = "s"\nprompt_tokens = [16, 64]\noutput_tokens = 24\n'
    path = suite({"one": "context_tokens = 50"}, scenarios=scenarios)
    assert crossbench("run", path, "--out", "result").returncode == 1
    report = (tmp_path / "result" / "report.md").read_text()
    assert "64 prompt + 24 output tokens exceed the context of 50" in report
    assert cells(tmp_path / "result")["one", "s-16"]["valid_samples"] == 3


def test_a_warm_prefill_is_never_called_cold(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"warm": "cached_prompt_tokens = 8", "cold": ""})
    assert crossbench("run", path, "--out", "result").returncode == 0
    assert cells(tmp_path / "result")["warm", "short"]["cache"] == "warm"
    assert (
        "**Not proven cold**: warm on short: warm"
        in (tmp_path / "result" / "report.md").read_text()
    )


def test_a_dry_run_writes_nothing(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    done = crossbench("run", suite(), "--dry-run")
    assert done.returncode == 0
    assert "order of launches: b1-one" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_nothing_that_can_run_is_exit_3(crossbench: Crossbench, suite: SuiteWriter) -> None:
    path = suite()
    path.write_text(path.read_text().replace("config.json", "absent.gguf"))
    done = crossbench("run", path)
    assert done.returncode == 3
    assert "one: unavailable: the artifact" in done.stderr
    assert crossbench("plan", path).returncode == 3


def test_a_folder_that_holds_a_run_is_not_written_again(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    assert crossbench("run", suite(), "--out", "result").returncode == 0
    done = crossbench("run", suite(), "--out", "result")
    assert done.returncode == 2
    assert "already holds a run" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_keeps_and_reports_what_was_measured(
    suite: SuiteWriter, tmp_path: Path, number: signal.Signals
) -> None:
    path = suite(protocol="launches = 1\nrepeats = 1000\nburn_in = 0")
    folder = tmp_path / "result"
    process = subprocess.Popen(
        [sys.executable, "-m", "crossbench", "run", str(path), "--out", str(folder)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = folder / "journal.jsonl"
    deadline = time.monotonic() + 30
    while not (journal.exists() and journal.read_text().count('"timed"') > 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert str(folder) in stderr
    assert "Traceback" not in stderr
    assert "**This run is interrupted" in (folder / "report.md").read_text()
    assert cells(folder)["one", "short"]["valid_samples"] >= 3


HOSTILE = "| `x` <script>alert(1)</script> **bold** [a](b) \x1b[31m \u202e # "


def test_hostile_text_changes_nothing_in_the_report(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite()
    text = path.read_text().replace('name = "tiny"', f"name = {json.dumps(HOSTILE)}")
    path.write_text(f"title = {json.dumps(HOSTILE)}\n{text}")
    assert crossbench("run", path, "--out", "result").returncode == 0
    report = (tmp_path / "result" / "report.md").read_text()
    for sign in ("<script>", "**bold**", "[a](b)", "\x1b", "\u202e"):
        assert sign not in report


def test_the_worker_gets_no_python_variables_of_the_users(
    crossbench_process: Crossbench,
    suite: SuiteWriter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Warnings as errors, and a report of imports, would show in the worker's log."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    done = crossbench_process("run", suite(), "--out", "result")
    assert done.returncode == 0, done.stderr
    assert "import time:" in done.stderr
    assert "import time:" not in (tmp_path / "result" / "logs" / "b1-one.log").read_text()


def test_a_cell_without_one_valid_sample_has_failed(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite(
        {"one": 'fault = "short", fault_on = 0'}, protocol="launches = 1\nrepeats = 1\nwarmups = 0"
    )
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 1
    report = (tmp_path / "result" / "report.md").read_text()
    assert "no sample of it is valid: 12 tokens came, 24 were asked" in report


def test_a_reader_that_goes_away_costs_no_run(suite: SuiteWriter, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "crossbench", "run", str(suite()), "--out", "result"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 0, told
    assert (tmp_path / "result" / "report.md").exists()


def test_a_line_of_windows_is_kept_verbatim(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert crossbench("run", path, "--out", "result").returncode == 0
    manifest = read_manifest(tmp_path / "result")
    assert manifest.suite_text.encode() == path.read_bytes()
