"""Scenarios alone and beside a background, from the suite to the report, on the null engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossbench.journal.events import BackgroundWorked, CellFailed, LaunchStarted, SampleTaken
from crossbench.journal.reader import read_events
from tests.conftest import Crossbench, SuiteWriter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("store", "no_process_left", "two_processors"),
]
SCENARIOS = """
[[scenarios]]
name = "job"
prompt_tokens = 16
output_tokens = 24

[[scenarios]]
name = "chat"
prompt_tokens = 16
output_tokens = 24
background = {{ {} }}
"""
BURN = f'command = ["{sys.executable}", "-c", "while True: pass"], settle_s = 0.2'
SLOW = "ttft_s = 0.05, tpot_s = 0.002"


def with_prompts(count: int) -> str:
    """The scenarios, the second of which sends so many prompts one after the other."""
    texts = ", ".join(f'{{ text = "prompt {number}" }}' for number in range(count))
    one, many = 'name = "chat"\nprompt_tokens = 16', f'name = "chat"\nprompts = [{texts}]'
    return SCENARIOS.format(BURN).replace(one, many)


@pytest.fixture
def two_processors() -> None:
    if sys.platform == "linux" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a background needs a processor of its own, and this process may use one")


def events(folder: Path, kind: type[Any]) -> list[Any]:
    return [event for event in read_events(folder) if isinstance(event, kind)]


def report(folder: Path) -> dict[str, Any]:
    told = json.loads((folder / "report.json").read_text())
    assert isinstance(told, dict)
    return told


def test_a_target_in_the_background_is_at_work_while_the_other_is_disturbed(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite(
        {"front": SLOW, "back": "ttft_s = 0.002, tpot_s = 0.002"},
        protocol="launches = 1\nrepeats = 2\nwarmups = 1\nburn_in = 0\nsentinel = false",
        scenarios=SCENARIOS.format('target = "back", scenario = "job"'),
    )
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "result"
    worked = [each for each in events(folder, BackgroundWorked) if each.launch == "b1-front"]
    taken = [
        each
        for each in events(folder, SampleTaken)
        if each.launch == "b1-front" and each.role == "timed" and each.scenario != "job"
    ]
    assert [each.scenario for each in taken] == [
        "chat-quiet",
        "chat-disturbed",
        "chat-disturbed",
        "chat-quiet",
    ]
    for sample in taken:
        begin = sample.record.t0_ns
        end = begin + sample.record.stamps_ns[-1]
        beside = [each for each in worked if each.begin_ns < end and begin < each.end_ns]
        assert len(beside) == (sample.scenario == "chat-disturbed")
        assert all(each.begin_ns < begin and end < each.end_ns for each in beside)
    told = {each["target"]: each for each in report(folder)["interference"]}
    front = told["front"]
    assert front["withheld"] is None
    assert 50 < front["progress"]["value"] < 550  # tokens/s, at most as scripted
    assert {metric["metric"] for metric in front["comparison"]["metrics"]} >= {
        "ttft_s",
        "decode_tps",
    }
    assert all(metric["ratio"]["n"] == 1 for metric in front["comparison"]["metrics"])
    if sys.platform == "linux":
        assert front["places"][0]["cpus"]
        assert not set(front["places"][0]["cpus"]) & set(front["beside"]["cpus"])
    page = (folder / "report.md").read_text()
    assert "## Interference" in page
    assert "Beside `back on job`:" in page


def test_a_background_works_through_a_pass_and_is_told_once_a_pass(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Of three prompts: stopped and woken for each of them it would hardly have worked."""
    path = suite(
        {"front": SLOW},
        protocol="launches = 1\nrepeats = 2\nwarmups = 1\nburn_in = 0\nsentinel = false",
        scenarios=with_prompts(3),
    )
    told = crossbench("run", path, "--out", "result", "--trust")
    assert told.returncode == 0, told.stderr
    folder = tmp_path / "result"
    worked = events(folder, BackgroundWorked)
    assert [(each.role, each.repeat) for each in worked] == [
        ("warmup", 0),
        ("timed", 0),
        ("timed", 1),
    ]
    for spell in worked:
        served = [
            each.record
            for each in events(folder, SampleTaken)
            if (each.scenario, each.role, each.repeat)
            == ("chat-disturbed", spell.role, spell.repeat)
        ]
        assert len(served) == 3
        assert spell.begin_ns < min(record.t0_ns for record in served)
        assert max(record.t0_ns + record.stamps_ns[-1] for record in served) < spell.end_ns


def test_a_refused_request_lets_the_background_rest_while_the_quiet_cell_goes_on(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Behind 2 requests of the job and a pass of two of each comes the disturbed one's 3rd."""
    path = suite(
        {"front": f'{SLOW}, fault = "refuse", fault_on = 6'},
        protocol="launches = 1\nrepeats = 2\nwarmups = 0\nburn_in = 0\nsentinel = false",
        scenarios=with_prompts(2),
    )
    assert crossbench("run", path, "--out", "result", "--trust").returncode == 1
    folder = tmp_path / "result"
    (failed,) = events(folder, CellFailed)
    assert (failed.scenario, failed.phase) == ("chat-disturbed", "request")
    samples = [each for each in events(folder, SampleTaken) if each.scenario != "job"]
    assert "".join(each.scenario[5] for each in samples) == "qqdddqq"
    for sample in samples[-2:]:
        begin = sample.record.t0_ns
        assert all(spell.end_ns < begin for spell in events(folder, BackgroundWorked))


def test_every_second_block_begins_the_other_way_round(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite(
        {"front": ""},
        protocol="launches = 2\nrepeats = 2\nwarmups = 0\nburn_in = 0\nsentinel = false",
        scenarios=SCENARIOS.format(BURN),
    )
    assert crossbench("run", path, "--out", "result", "--trust").returncode == 0
    orders = {
        launch: "".join(
            each.scenario[5]
            for each in events(tmp_path / "result", SampleTaken)
            if each.launch == launch and each.scenario != "job"
        )
        for launch in ("b1-front", "b2-front")
    }
    assert orders == {"b1-front": "qddq", "b2-front": "dqqd"}


def test_a_command_is_run_only_with_trust(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"front": SLOW}, scenarios=SCENARIOS.format(BURN))
    assert crossbench("run", path, "--out", "cautious").returncode == 0
    assert not events(tmp_path / "cautious", BackgroundWorked)
    page = (tmp_path / "cautious" / "report.md").read_text()
    assert "which is used only with \\--trust" in page or "used only with --trust" in page
    assert "## Interference" not in page
    assert crossbench("run", path, "--out", "trusting", "--trust").returncode == 0
    (told,) = report(tmp_path / "trusting")["interference"]
    assert told["progress"]["name"] == "background_cpus"
    assert told["progress"]["value"] > 0.1
    assert told["withheld"] is None


@pytest.mark.parametrize(
    ("background", "told"),
    [
        (f'command = ["{sys.executable}", "-c", "raise SystemExit(7)"]', "it ended with code 7"),
        ('command = ["/no/such/program"]', "it ended with code 127; its last words: cannot start"),
        ('target = "back", scenario = "job"', "refused as scripted"),
    ],
)
def test_a_background_that_dies_costs_the_disturbed_cell_and_no_other(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path, background: str, told: str
) -> None:
    path = suite(
        {"front": SLOW, "back": 'fault = "refuse", fault_on = 6'},
        scenarios=SCENARIOS.format(background),
    )
    assert crossbench("run", path, "--out", "result", "--trust").returncode == 1
    folder = tmp_path / "result"
    failures = [each for each in events(folder, CellFailed) if each.launch.endswith("front")]
    assert {each.scenario for each in failures} == {"chat-disturbed"}
    assert all(told in each.message and each.phase == "background" for each in failures)
    front = next(each for each in report(folder)["interference"] if each["target"] == "front")
    assert told in front["withheld"]
    assert front["comparison"] is None
    (quiet,) = [
        cell
        for scenario in report(folder)["scenarios"]
        for cell in scenario["cells"]
        if (scenario["name"], cell["target"]) == ("chat-quiet", "front")
    ]
    assert quiet["valid_samples"] == 3
    assert "withheld" in (folder / "report.md").read_text()


def test_a_lost_worker_leaves_no_background_and_the_quiet_cell_is_finished(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Behind 3 requests of the job, 2 warm-ups and a pass of each comes the disturbed one's 2nd."""
    path = suite(
        {"front": f'{SLOW}, fault = "crash", fault_on = 7'},
        protocol="launches = 1\nrepeats = 2\nwarmups = 1\nburn_in = 0\nsentinel = false",
        scenarios=SCENARIOS.format(BURN),
    )
    assert crossbench("run", path, "--out", "result", "--trust").returncode == 1
    cells = {
        scenario["name"]: sum(cell["valid_samples"] for cell in scenario["cells"])
        for scenario in report(tmp_path / "result")["scenarios"]
    }
    assert cells["job"] == cells["chat-quiet"] == 2
    assert cells["chat-disturbed"] < 2


def test_an_interrupt_leaves_no_background(suite: SuiteWriter, tmp_path: Path) -> None:
    path = suite(
        {"front": SLOW},
        protocol="launches = 1\nrepeats = 1000\nburn_in = 0",
        scenarios=SCENARIOS.format(BURN),
    )
    folder = tmp_path / "result"
    arguments = ["run", str(path), "--out", str(folder), "--trust", "--scenario", "chat"]
    process = subprocess.Popen(
        [sys.executable, "-m", "crossbench", *arguments],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = folder / "journal.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_text().count('"BackgroundWorked"') > 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    held: dict[str, set[int]] = {"crossbench.worker": set(), "while True: pass": set()}
    for child in psutil.Process(process.pid).children(recursive=True):
        for word, cpus in held.items():
            if word in child.cmdline() and sys.platform == "linux":
                cpus |= set(child.cpu_affinity())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    if sys.platform == "linux":
        (started,) = events(folder, LaunchStarted)
        assert held["crossbench.worker"] == set(started.places[0].cpus)
        assert held["while True: pass"] == set(events(folder, BackgroundWorked)[0].place.cpus)
    assert "## Interference" in (folder / "report.md").read_text()


def test_a_machine_without_room_for_both_says_so(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    path = suite(
        {"front": "", "back": ""}, scenarios=SCENARIOS.format('target = "back", scenario = "job"')
    )
    path.write_text(path.read_text().replace("options =", "needs = { cpus = 2048 }\noptions =", 1))
    done = crossbench("plan", path)
    assert "2048 processors are needed" in " ".join(done.stdout.split())
