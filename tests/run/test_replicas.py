"""One load over several workers: who serves what, that they begin together, and how it ends."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.analysis.exclusion import LATEST_START_NS
from crossbench.api import ModelRef, Needs, Request
from crossbench.envs.environment import Environment
from crossbench.journal.events import (
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    PassTaken,
    SampleTaken,
)
from crossbench.journal.reader import read_events
from crossbench.places.placement import Place
from crossbench.run.launch import environ, held
from crossbench.run.replicas import LEAD_NS, Workers, dealt, part
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Load, Measure, MemoryRead, ReadMemory, Ready
from crossbench.worker.pulse import Beat
from crossbench.worker.supervisor import WorkerProcess
from tests.conftest import TINY, Crossbench, SuiteWriter

QUICK = Deadlines(load_s=20, first_token_s=2, chunk_gap_s=2, close_s=2)
LOAD = """
[[scenarios]]
name = "chat"
prompt_tokens = 16
output_tokens = 24
concurrency = {}
requests = 16
"""


def measure(count: int, **load: Any) -> Measure:
    requests = tuple(Request(id=f"r{n}", prompt_ids=(1, n), max_tokens=8) for n in range(count))
    return Measure(requests=requests, **load)


# Dealing


@given(count=st.integers(1, 40), streams=st.integers(1, 12), replicas=st.integers(1, 6))
def test_users_are_divided_and_each_keeps_his_requests(
    count: int, streams: int, replicas: int
) -> None:
    asked = measure(count, streams=streams)
    turns = dealt(asked, replicas)
    parts = [part(asked, turns, number, replicas) for number in sorted(set(turns))]
    served = sorted((r.id for each in parts for r in each.requests), key=lambda name: int(name[1:]))
    assert served == [request.id for request in asked.requests]
    if count >= streams >= replicas:
        assert sum(each.streams for each in parts) == streams
        users = [each.streams for each in parts]
        assert max(users) - min(users) <= 1
        for each in parts:
            assert abs(len(each.requests) * streams - count * each.streams) < streams * replicas


def test_arrivals_go_by_turns_and_keep_their_times() -> None:
    asked = measure(5, arrivals_ns=(0, 10, 20, 30, 40))
    turns = dealt(asked, 2)
    assert turns == (0, 1, 0, 1, 0)
    assert part(asked, turns, 0, 2).arrivals_ns == (0, 20, 40)
    assert part(asked, turns, 1, 2).arrivals_ns == (10, 30)


# Real workers

slow = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]
Start = Callable[..., Workers]


@pytest.fixture
def start(null: Environment, tmp_path: Path) -> Iterator[Start]:
    started: list[Workers] = []

    def launch(*scripts: dict[str, Any], place: Place | None = None) -> Workers:
        workers = Workers(
            [
                WorkerProcess(
                    python=null.python,
                    environ=environ(null),
                    log=tmp_path / f"{number}.log",
                    deadlines=QUICK,
                )
                for number in range(len(scripts))
            ]
        )
        started.append(workers)
        for process, script in zip(workers.processes, scripts, strict=True):
            held(process, place or Place())
            process.ask(load(**script), Ready)
        return workers

    yield launch
    for workers in started:
        workers.kill()


def load(**script: Any) -> Load:
    return Load(
        factory="crossbench.testing.null:NullEngine",
        options_type="crossbench.testing.null:NullOptions",
        options=script,
        model=ModelRef(path=str(TINY), name="tiny"),
        needs=Needs(context_tokens=100, streams=4),
        distributions=(),
    )


class TestWorkers:
    pytestmark = slow

    def test_records_come_in_the_order_asked(self, start: Start) -> None:
        workers = start({}, {})
        told = workers.ask(measure(7, streams=2))
        assert [record.id for record in told.records] == [f"r{n}" for n in range(7)]
        assert list(workers.replica_of(measure(7, streams=2)).values()) == [0, 1, 0, 1, 0, 1, 0]

    def test_replicas_begin_together_and_serve_at_the_same_time(self, start: Start) -> None:
        workers = start({"ttft_s": 0.4}, {"ttft_s": 0.4})
        before = time.perf_counter_ns()
        one, two = workers.ask(measure(2, streams=2)).records
        assert abs(one.t0_ns - two.t0_ns) < 200_000_000  # each takes twice as long
        assert min(one.t0_ns, two.t0_ns) >= before + LEAD_NS * 0.9

    def test_a_replica_that_is_not_ready_says_so_and_gets_a_longer_lead(self, start: Start) -> None:
        workers = start({}, {"reset_s": 0.6})
        first = workers.ask(measure(2, streams=2))
        assert first.late_ns >= 290_000_000
        assert workers.lead_ns >= 1_180_000_000
        assert workers.ask(measure(2, streams=2)).late_ns < first.late_ns

    def test_one_worker_alone_has_nobody_to_be_late_for(self, start: Start) -> None:
        workers = start({"reset_s": 0.4})
        assert workers.ask(measure(1)).late_ns == 0
        assert workers.lead_ns == LEAD_NS

    def test_a_part_of_several_users_is_served_at_once(self, start: Start) -> None:
        script = {"style": "async", "ttft_s": 0.5}
        workers = start(script, script)
        begun = [record.t0_ns for record in workers.ask(measure(4, streams=4)).records]
        assert max(begun) - min(begun) < 400_000_000

    def test_fewer_requests_than_replicas_leave_some_idle(self, start: Start) -> None:
        assert len(start({}, {}, {}).ask(measure(2, streams=3)).records) == 2

    def test_the_beats_of_all_are_one(self, start: Start) -> None:
        beats: list[Beat] = []
        start({"tpot_s": 0.05}, {"tpot_s": 0.05}).ask(measure(2, streams=2), beats.append)
        assert max(beat.tokens for beat in beats) > 8
        assert beats[-1].tokens <= 16

    def test_all_are_asked_the_same(self, start: Start) -> None:
        assert len(start({}, {}).ask_all(ReadMemory(), MemoryRead)) == 2

    @pytest.mark.parametrize(
        ("fault", "kind", "told"),
        [
            ("crash", "crash", "replica 2 of 2: the worker was ended by SIGSEGV"),
            ("raise", "error", "replica 2 of 2: broken as scripted"),
            ("hang", "timeout", "replica 2 of 2: no sign of life for 2 s"),
        ],
    )
    def test_one_that_fails_is_named_and_nobody_waits_for_the_others(
        self, start: Start, fault: str, kind: str, told: str
    ) -> None:
        workers = start({"ttft_s": 60}, {"fault": fault})
        workers.processes[0]._deadlines = Deadlines(first_token_s=100)  # it is only slow
        began = time.monotonic()
        with pytest.raises(WorkerFailed, match=told) as failed:
            workers.ask(measure(2, streams=2))
        assert failed.value.kind == kind
        workers.end()
        assert time.monotonic() - began < 30
        assert not workers.members()

    def test_what_others_had_finished_is_kept(self, start: Start) -> None:
        workers = start({}, {"fault": "crash", "ttft_s": 0.5, "fault_at": "mid_stream"})
        with pytest.raises(WorkerFailed) as failed:
            workers.ask(measure(2, streams=2))
        assert [record.id for record in failed.value.records] == ["r0"]

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds processes to processors")
    def test_a_worker_and_its_threads_are_held_to_its_place(self, start: Start) -> None:
        cpu = min(os.sched_getaffinity(0))
        workers = start({}, place=Place(cpus=(cpu,)))
        for pid in workers.members():
            for task in Path(f"/proc/{pid}/task").iterdir():
                assert os.sched_getaffinity(int(task.name)) == {cpu}


# Whole runs


def events(folder: Path, kind: type[Any]) -> list[Any]:
    return [event for event in read_events(folder) if isinstance(event, kind)]


def replicated(suite: SuiteWriter, replicas: str, options: str = "", users: str = "2") -> Path:
    protocol = "launches = 1\nrepeats = 2\nwarmups = 0\nburn_in = 0\nsentinel = false"
    path = suite({"one": options}, protocol=protocol, scenarios=LOAD.format(users))
    text = path.read_text().replace("options =", f"replicas = {replicas}\noptions =")
    path.write_text(text)
    return path


@pytest.fixture
def two_processors() -> None:
    if sys.platform == "linux" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("two replicas need two processors, and this process may use one")


@pytest.mark.usefixtures("store", "two_processors")
class TestRuns:
    pytestmark = slow

    def test_one_two_replicas_in_one_table(
        self, crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
    ) -> None:
        script = 'style = "async", tpot_s = 0.01, ttft_s = 0.01'
        path = replicated(suite, "[1, 2]", script, "[2, 4]")
        text = path.read_text().replace("replicas =", "needs = { cpus = 1 }\nreplicas =")
        other = text[text.index("[targets.one]") : text.index("[protocol]")]
        other = other.replace("targets.one", "targets.other").replace("0.01", "0.001")
        other = other.replace("replicas = [1, 2]\n", "")
        path.write_text(text.replace("[protocol]", f"{other}[protocol]"))
        done = crossbench("run", path, "--out", "result")
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "result"
        served = [
            event.replica
            for event in events(folder, SampleTaken)
            if event.launch.endswith("x2") and event.role == "timed" and event.scenario == "chat-c2"
        ]
        assert served == [0, 1] * 16
        started = {event.target: event for event in events(folder, LaunchStarted)}
        one, two = started["one-x1"].places, started["one-x2"].places
        if sys.platform == "linux":
            assert [len(place.cpus) for place in one] == [1]
            assert len({place.cpus for place in two}) == 2
        report = json.loads((folder / "report.json").read_text())
        (scaling,) = report["scaling"]
        assert scaling["baseline"] == "one-x1"
        rows = {(row["target"], row["level"]): row for row in scaling["rows"]}
        assert {target for target, _ in rows} == {"one-x1", "one-x2"}  # the other is other work
        # Scripted times do not depend on devices: two replicas at 2 users do what one does.
        assert rows["one-x2", "2 users"]["efficiency"]["point"] == pytest.approx(0.5, rel=0.2)
        assert rows["one-x2", "2 users"]["arrangement"] == "2 replicas"
        assert rows["one-x1", "2 users"]["efficiency"] is None
        best = {row["target"]: row for row in scaling["best"]}
        assert best["one-x2"]["level"] == "4 users"
        page = (folder / "report.md").read_text()
        assert "## Scaling" in page
        (ready,) = [e for e in events(folder, LaunchReady) if e.launch == "b1-one-x2"]
        assert ready.loaded.parallelism.value.value == "data"
        assert ready.loaded.settings["replicas"].value == 2

    def test_a_pass_that_replicas_did_not_begin_together_is_left_out_by_rule(
        self, crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
    ) -> None:
        crossbench("run", replicated(suite, "2", "reset_s = 0.8"), "--out", "result")
        first, _ = events(tmp_path / "result", PassTaken)
        assert first.late_ns > LATEST_START_NS
        report = json.loads((tmp_path / "result" / "report.json").read_text())
        assert report["conduct"]["excluded"]["late-start"] in (16, 32)
        page = (tmp_path / "result" / "report.md").read_text()
        assert "the replicas of its target did not begin together" in page

    def test_a_lost_replica_costs_its_cell_and_leaves_nothing(
        self, crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
    ) -> None:
        path = replicated(suite, "2", 'fault = "crash", fault_on = 12')
        assert crossbench("run", path, "--out", "result").returncode == 1
        page = (tmp_path / "result" / "report.md").read_text()
        assert "**one** on chat: failed" in page
        assert "of 2: the worker was ended by SIGSEGV" in page.replace("\\", "")
        (ended,) = events(tmp_path / "result", LaunchEnded)
        assert ended.stage in ("died", "terminated", "killed")

    def test_one_request_at_a_time_is_no_load_for_two(
        self, crossbench: Crossbench, suite: SuiteWriter
    ) -> None:
        path = suite({"one": "", "single": ""})
        text = path.read_text().replace("options =", "replicas = 2\noptions =", 1)
        path.write_text(text)
        done = crossbench("plan", path)
        assert done.returncode == 0, done.stderr
        told = " ".join(done.stdout.split())
        assert "1 request at a time cannot keep 2 replicas busy" in told
        assert "write concurrency = 2 or more" in told

    def test_a_replica_that_does_not_load_is_named(
        self, crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
    ) -> None:
        path = replicated(suite, "2", 'fault = "raise", fault_at = "load"')
        assert crossbench("run", path, "--out", "result").returncode == 1
        page = (tmp_path / "result" / "report.md").read_text()
        assert re.search("replica [12] of 2: broken as scripted", page.replace("\\", ""))
