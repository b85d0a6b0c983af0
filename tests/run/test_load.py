"""Runs under load on the null engine, from the command line to the report, with real workers."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crossbench.journal.events import LaunchStarted, LevelLeftOut, PassTaken, SampleTaken
from crossbench.journal.folder import JOURNAL
from crossbench.journal.reader import read_events
from crossbench.plan.arrivals import arrivals
from crossbench.report.build import build
from crossbench.report.loads import curve
from crossbench.report.saved import read as read_report
from crossbench.run.history import History
from crossbench.run.levels import needless
from tests.conftest import Crossbench, SuiteWriter
from tests.plan.test_build import plan
from tests.run.test_resume import Run, run
from tests.run.test_run import cells, metric, samples
from tests.worker.test_supervisor import wait_for

__all__ = ["run"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store", "no_process_left")]

ONCE = "launches = 1\nrepeats = 1\nwarmups = 1\nburn_in = 0\nsentinel = false"
ASYNC = 'style = "async"'


def under(load: str, name: str = "chat", output_tokens: int = 20) -> str:
    return (
        f'[[scenarios]]\nname = "{name}"\nprompt_tokens = 16\noutput_tokens = {output_tokens}\n'
        f"{load}\n"
    )


def taken(folder: Path) -> list[PassTaken]:
    return [event for event in read_events(folder) if isinstance(event, PassTaken)]


def left_out(folder: Path) -> list[LevelLeftOut]:
    return [event for event in read_events(folder) if isinstance(event, LevelLeftOut)]


def skipped(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "report.json").read_text())
    return {
        item["scenario"]: item["reason"]
        for item in report["non_results"]
        if item["word"] == "skipped"
    }


def value(folder: Path, target: str, scenario: str, name: str) -> Any:
    return metric(cells(folder)[target, scenario], name)["value"]


def test_a_closed_loop_over_its_levels(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Each user of the null engine is served as if alone, so four make four times the tokens."""
    options = f"{ASYNC}, ttft_s = 0.05, tpot_s = 0.01"
    path = suite({"one": options}, protocol=ONCE, scenarios=under("concurrency = [4, 1]"))
    folder = tmp_path / "result"
    done = crossbench("run", path, "--out", folder)
    assert done.returncode == 0, done.stderr
    passes = [(each.scenario, each.role, each.requests) for each in taken(folder)]
    assert passes == [
        ("chat-c1", "warmup", 4),
        ("chat-c1", "timed", 4),
        ("chat-c4", "warmup", 16),
        ("chat-c4", "timed", 16),
    ]
    made = samples(folder)
    assert len({each.prompt_sha256 for each in (*made, *samples(folder, "warmup"))}) == 40
    alone, together = (value(folder, "one", f"chat-c{n}", "throughput_tps") for n in (1, 4))
    most = 20 / 0.24  # what one user can get: a request takes 0.05 + 19 x 0.01 s
    assert alone <= most * 1.001
    assert 2 * most < together <= 4 * most * 1.001
    assert 50 < value(folder, "one", "chat-c4", "decode_tps") < 200
    page = (folder / "report.md").read_text()
    assert "## Load" in page
    assert re.search(r"\| one +\| 4 users +\| +[\d.]+ tok/s", page)
    assert "4 users" in (folder / "report.html").read_text()
    rows = list(csv.DictReader((folder / "report.csv").read_text().splitlines()))
    levels = {row["level"] for row in rows if row["load"] == "chat"}
    assert levels == {"1.0", "4.0"}


def test_a_closed_loop_keeps_its_users_busy(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Never more than three requests at once; all three have one until none is left to begin."""
    options = f"{ASYNC}, ttft_s = 0.02, tpot_s = 0.002"
    path = suite({"one": options}, protocol=ONCE, scenarios=under("concurrency = 3"))
    assert crossbench("run", path, "--out", "result").returncode == 0
    records = [each.record for each in samples(tmp_path / "result")]
    assert len(records) == 12
    last = max(record.t0_ns for record in records)
    changes = sorted(
        [(record.t0_ns, 1) for record in records]
        + [(record.t0_ns + record.stamps_ns[-1], -1) for record in records]
    )
    at_once = [sum(step for _, step in changes[: place + 1]) for place in range(len(changes))]
    assert max(at_once) == 3
    begun = [count for count, (at, _) in zip(at_once, changes, strict=True) if at <= last]
    assert min(begun[2:]) >= 2  # between an answer and the next request of that user


@pytest.mark.parametrize("how", ["poisson", "constant"])
def test_an_open_loop_waits_for_nobody_and_counts_from_when_it_was_due(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path, how: str
) -> None:
    """Two targets, one of which takes longer than the time between arrivals."""
    load = f'rate = 20\narrivals = "{how}"\nrequests = 12\nslo = {{ ttft_s = 5 }}'
    targets = {
        "slow": f"{ASYNC}, ttft_s = 0.3, tpot_s = 0.001",
        "quick": f"{ASYNC}, ttft_s = 0.01, tpot_s = 0.001",
    }
    path = suite(targets, protocol=ONCE, scenarios=under(load))
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "result"
    due: dict[str, list[int]] = {}
    for sample in samples(folder):
        start = min(s.record.t0_ns for s in samples(folder) if s.launch == sample.launch)
        due.setdefault(sample.launch, []).append(sample.record.t0_ns - start)
        assert sample.record.delay_ns >= 0
        assert sample.record.stamps_ns[0] > sample.record.delay_ns
    slow, quick = due.values()
    assert slow == quick
    (scenario,) = build(folder).scenarios
    assert scenario.load is not None
    wanted = arrivals(scenario.load, 0, "chat", 0, 0)
    assert slow == [at - wanted[0] for at in wanted]
    assert value(folder, "slow", "chat", "slo_attainment") == 100
    assert value(folder, "quick", "chat", "delay_p50_s") is not None
    page = (folder / "report.md").read_text()
    assert "An open loop: requests come" in page


def test_levels_above_the_first_that_misses_the_slo_are_left_out(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Each request beside another costs 0.1 s: one user waits 0.01 s, two 0.11, four 0.31. So few
    requests end the search, and prove nothing of the levels that kept to it."""
    load = 'concurrency = [1, 2, 4, 8, 16]\nslo = { ttft_s = 0.21 }\nfind = "slo"'
    options = f"{ASYNC}, ttft_s = 0.01, beside_s = 0.1, tpot_s = 0.001"
    path = suite({"one": options}, protocol=ONCE, scenarios=under(load))
    done = crossbench("run", path, "--out", "result")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "result"
    assert [each.met for each in taken(folder) if each.role == "timed"][:2] == [4, 8]
    assert [each.scenario for each in left_out(folder)] == ["chat-c8", "chat-c16"]
    assert set(skipped(folder)) == {"chat-c8", "chat-c16"}
    assert "at 4 users already only" in skipped(folder)["chat-c8"]
    report = read_report(folder / "report.json")
    (told,) = report.loads
    (found,) = told.curves
    assert found.highest is None
    assert [level.met for level in found.levels] == [None, None, False]
    assert found.verdict is not None
    assert found.verdict.startswith(
        "no level is known to meet the SLO; at 1 user it is open: 100 % of requests do (95 % "
        "interval: 39.8 to 100 %); at 2 users it is open: 100 % of requests do"
    )
    assert "; at 4 users " in found.verdict
    points = curve(report, told, "one")
    assert [point.level.level for point in points] == [1, 2, 4]
    assert "no level is known to meet the SLO" in (folder / "report.md").read_text()
    assert crossbench("run", "--resume", folder).returncode == 0
    assert len(left_out(folder)) == 2
    assert len(taken(folder)) == 6


def test_a_failed_request_is_counted_and_costs_neither_pass_nor_cell(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    load = "concurrency = 2\nrequests = 10\nslo = { ttft_s = 5 }"
    options = f'{ASYNC}, ttft_s = 0.02, fault = "refuse", fault_on = 13'
    protocol = ONCE.replace("repeats = 1", "repeats = 2")
    path = suite({"one": options}, protocol=protocol, scenarios=under(load))
    assert crossbench("run", path, "--out", "result").returncode == 0
    folder = tmp_path / "result"
    assert [each.met for each in taken(folder)] == [10, 9, 10]
    cell = cells(folder)["one", "chat"]
    assert (cell["valid_samples"], cell["planned_samples"]) == (19, 20)
    assert metric(cell, "slo_attainment")["value"] == 95
    assert metric(cell, "throughput_tps")["value"] is not None
    assert "1 of 20" in (folder / "report.md").read_text()


def test_a_lost_worker_costs_the_level_and_another_measures_the_next(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    options = f'{ASYNC}, ttft_s = 0.02, fault = "crash", fault_on = 12'
    scenarios = under("concurrency = [1, 3]") + under("concurrency = 1", "after")
    path = suite({"one": options}, protocol=ONCE, scenarios=scenarios)
    assert crossbench("run", path, "--out", "result").returncode == 1
    found = cells(tmp_path / "result")
    assert found["one", "chat-c1"]["valid_samples"] == 4
    assert ("one", "chat-c3") not in found
    assert found["one", "after"]["valid_samples"] == 4


def test_a_level_that_failed_is_missed_too_until_it_is_tried_again(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """A worker is lost at its 19th request: of two users; then, tried anew, of three."""
    load = 'concurrency = [1, 2, 3]\nslo = { ttft_s = 5 }\nfind = "slo"'
    options = f'{ASYNC}, ttft_s = 0.02, fault = "crash", fault_on = 18'
    path = suite({"one": options}, protocol=ONCE, scenarios=under(load))
    folder = tmp_path / "result"
    assert crossbench("run", path, "--out", folder).returncode == 1
    assert "2 users already failed" in skipped(folder)["chat-c3"]
    assert crossbench("run", "--resume", folder, "--retry-failed").returncode == 1
    assert cells(folder)["one", "chat-c2"]["valid_samples"] == 8
    assert not skipped(folder)
    report = read_report(folder / "report.json")
    assert ("chat-c3", "failed") in {(item.scenario, item.word) for item in report.non_results}
    assert "chat-c2" not in {item.scenario for item in report.non_results}


def test_an_engine_that_cannot_serve_several_costs_those_levels(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """The synchronous style breaks the contract of BATCH, which the null engine declares."""
    path = suite({"one": ""}, protocol=ONCE, scenarios=under("concurrency = [1, 2]"))
    assert crossbench("run", path, "--out", "result").returncode == 1
    found = cells(tmp_path / "result")
    assert found["one", "chat-c1"]["valid_samples"] == 4
    made = [each.role for each in taken(tmp_path / "result") if each.scenario == "chat-c2"]
    assert made == ["warmup"], "nothing more is asked of a level that refuses everything"
    page = (tmp_path / "result" / "report.md").read_text()
    assert "several streams at once need asynchronous iterators" in page


LOAD = under("concurrency = 4\nrequests = 20")
REPEATS = "launches = 1\nrepeats = 4\nwarmups = 0\nburn_in = 0\nsentinel = false"


def places(run: Run) -> Counter[tuple[int, int]]:
    return Counter((sample.repeat, sample.prompt) for sample in run.samples())


def test_a_run_killed_in_the_middle_of_a_level_goes_on_with_its_passes(
    run: Run, suite: SuiteWriter
) -> None:
    path = suite({"one": f"{ASYNC}, ttft_s = 0.2"}, protocol=REPEATS, scenarios=LOAD)
    host = run.start(path, "--out", run.folder)
    assert wait_for(lambda: len(run.samples()) >= 20, 60)
    host.kill()
    host.communicate()
    complete = {each.repeat for each in taken(run.folder)}
    assert wait_for(lambda: not run.workers(), 10), "the worker outlives its host"
    assert run.call("--resume", run.folder).returncode == 0
    assert set(places(run)) == {(repeat, number) for repeat in range(4) for number in range(20)}
    assert all(places(run)[repeat, number] == 1 for repeat in complete for number in range(20))
    assert cells(run.folder)["one", "chat"]["valid_samples"] == 80


@pytest.mark.parametrize(("torn", "lost"), [(2, 3), (3, 0)])
def test_a_torn_pass_is_measured_again_and_not_mixed_with_the_new_one(
    run: Run, suite: SuiteWriter, torn: int, lost: int
) -> None:
    """Cut off within the third pass; and behind the last sample of the fourth, before its end."""
    path = suite({"one": f"{ASYNC}, ttft_s = 0.05"}, protocol=REPEATS, scenarios=LOAD)
    assert run.call(path, "--out", run.folder).returncode == 0
    journal = run.folder / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if b'"PassTaken"' in line]
    journal.write_bytes(b"".join(lines[: ends[torn] - lost]))
    assert run.call("--resume", run.folder).returncode == 0
    again = places(run)
    for repeat in range(4):
        made = [2] * (20 - lost) + [1] * lost if repeat == torn else [1] * 20
        assert [again[repeat, number] for number in range(20)] == made
    cell = cells(run.folder)["one", "chat"]
    assert cell["valid_samples"] == 80
    assert {(item["rule"], item["launch"]) for item in cell["invalid"]} == {("torn-pass", "b1-one")}
    assert len(cell["invalid"]) == 20 - lost
    assert "its pass under load was broken off" in (run.folder / "report.md").read_text()


@pytest.mark.parametrize(("late_ns", "told"), [(0, "already only 0 of 4"), (1_000_000_000, None)])
def test_a_pass_that_a_replica_began_late_decides_no_level(
    suite: SuiteWriter, late_ns: int, told: str | None
) -> None:
    load = under('concurrency = [1, 2]\nslo = { ttft_s = 0.01 }\nfind = "slo"')
    planned = plan(suite({"one": ASYNC}, protocol=ONCE, scenarios=load))
    (launch,) = planned.launches
    started = LaunchStarted(
        launch="w", planned=launch.id, target="one", block=launch.block, utc="", monotonic_ns=1
    )
    missed = PassTaken(
        launch="w",
        scenario="chat-c1",
        role="timed",
        repeat=0,
        requests=4,
        met=0,
        late_ns=late_ns,
    )
    reason = needless(planned, launch, History([started, missed]), "chat-c2")
    assert told in reason if told and reason else reason is None


def test_a_level_missed_before_the_run_was_killed_is_not_gone_past(
    run: Run, suite: SuiteWriter
) -> None:
    """The journal ends behind the pass that missed: nobody has said yet what that means."""
    load = under('concurrency = [1, 2, 4]\nslo = { ttft_s = 0.01 }\nfind = "slo"')
    path = suite({"one": f"{ASYNC}, ttft_s = 0.05"}, protocol=ONCE, scenarios=load)
    assert run.call(path, "--out", run.folder).returncode == 0
    journal = run.folder / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    told = next(number for number, line in enumerate(lines) if b'"LevelLeftOut"' in line)
    journal.write_bytes(b"".join(lines[:told]))
    assert run.call("--resume", run.folder).returncode == 0
    assert [each.scenario for each in left_out(run.folder)] == ["chat-c2", "chat-c4"]
    assert {sample.scenario for sample in samples(run.folder)} == {"chat-c1"}
    assert set(skipped(run.folder)) == {"chat-c2", "chat-c4"}
    events = [event for event in read_events(run.folder) if isinstance(event, SampleTaken)]
    assert len({event.launch for event in events}) == 1, "no worker was needed"
