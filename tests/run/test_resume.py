"""Interrupted, killed and torn runs go on; nothing is lost and nothing is measured twice."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crossbench.journal.events import LaunchStarted, RunResumed, SampleTaken
from crossbench.journal.folder import JOURNAL
from crossbench.journal.reader import read_events
from crossbench.worker.group import members
from tests.called import call_crossbench
from tests.conftest import SuiteWriter
from tests.run.test_run import cells
from tests.worker.test_supervisor import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store", "no_process_left")]
PROTOCOL = "launches = 2\nrepeats = 12\nwarmups = 1\nburn_in = 0\nsentinel = false"
PLAIN = 'profile = "quick"'


class Run:
    """A crossbench process on a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "crossbench", "run", *map(str, arguments)],
            cwd=self.folder.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        self._processes.append(process)
        return process  # type: ignore[no-any-return]

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The same command in this process, until it ends."""
        return call_crossbench(self.folder.parent, "run", *arguments)

    def wait_for_samples(self, count: int) -> None:
        assert wait_for(lambda: len(self.samples()) >= count, 40)

    def samples(self) -> list[SampleTaken]:
        if not (self.folder / JOURNAL).exists():
            return []
        events = read_events(self.folder)
        return [e for e in events if isinstance(e, SampleTaken) and e.role == "timed"]

    def workers(self) -> set[int]:
        """Process ids of workers that write into this folder."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "cwd").readlink() == self.folder / "logs":
                        found.add(int(entry.name))
                except OSError:
                    continue
        return found

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "result")
    yield made
    made.end()


def places(run: Run) -> Counter[tuple[str, int, int]]:
    """How often each timed place (launch of the plan, repeat, prompt) was measured."""
    return Counter((s.launch.split("@")[0], s.repeat, s.prompt) for s in run.samples())


def everything_once(run: Run) -> bool:
    wanted = {(f"b{b}-one", r, 0) for b in (1, 2) for r in range(12)}
    return places(run) == Counter(wanted)


def test_a_killed_host_is_resumed(run: Run, suite: SuiteWriter) -> None:
    host = run.start(suite({"one": "ttft_s = 0.05"}, protocol=PROTOCOL), "--out", run.folder)
    run.wait_for_samples(4)
    host.kill()
    host.communicate()
    before = run.samples()
    assert wait_for(lambda: not run.workers(), 10), "the worker outlives its host"
    done = run.call("--resume", run.folder)
    assert done.returncode == 0, done.stderr
    assert run.samples()[: len(before)] == before
    assert everything_once(run)
    report = json.loads((run.folder / "report.json").read_text())
    assert report["outcome"] == "complete"


def roles(run: Run) -> Counter[tuple[str, str]]:
    """How many requests each launch of the plan made in each role."""
    if not (run.folder / JOURNAL).exists():
        return Counter()
    taken = [event for event in read_events(run.folder) if isinstance(event, SampleTaken)]
    return Counter((sample.launch.split("@")[0], sample.role) for sample in taken)


def test_a_burn_in_and_sentinels_are_not_measured_twice(run: Run, suite: SuiteWriter) -> None:
    """Killed in the second launch, when burn-in and the first launch's sentinel are over."""
    path = suite({"one": "ttft_s = 0.1"}, protocol="launches = 2\nrepeats = 4\nwarmups = 1")
    host = run.start(path, "--out", run.folder)
    assert wait_for(lambda: roles(run)["b2-one", "timed"] >= 1, 60)
    host.kill()
    host.communicate()
    assert wait_for(lambda: not run.workers(), 10), "the worker outlives its host"
    done = run.call("--resume", run.folder)
    assert done.returncode == 0, done.stderr
    made = roles(run)
    assert (made["b0-one", "burn_in"], made["b1-one", "sentinel"]) == (4, 4)
    assert (made["b1-one", "timed"], made["b2-one", "timed"]) == (4, 4)
    assert made["b2-one", "sentinel"] <= 4
    began = [e.launch for e in read_events(run.folder) if isinstance(e, LaunchStarted)]
    assert began[:3] == ["b0-one", "b1-one", "b2-one"]
    assert began[3:] in ([], ["b2-one@2"])


def test_a_burn_in_that_was_interrupted_goes_on(run: Run, suite: SuiteWriter) -> None:
    path = suite({"one": "ttft_s = 0.1"}, protocol="launches = 1\nrepeats = 8\nwarmups = 0")
    host = run.start(path, "--out", run.folder)
    assert wait_for(lambda: roles(run)["b0-one", "burn_in"] >= 2, 60)
    host.kill()
    host.communicate()
    assert wait_for(lambda: not run.workers(), 10), "the worker outlives its host"
    assert ("b1-one", "timed") not in roles(run)
    assert run.call("--resume", run.folder).returncode == 0
    made = roles(run)
    assert (made["b0-one", "burn_in"], made["b1-one", "timed"]) == (8, 8)


def test_a_launch_that_another_worker_finished_has_no_sentinel(
    run: Run, suite: SuiteWriter
) -> None:
    """What is measured at the end says nothing of what another process measured before."""
    protocol = "launches = 1\nrepeats = 3\nwarmups = 0\nburn_in = 0\nsentinel = true"
    assert run.call(suite(protocol=protocol), "--out", run.folder).returncode == 0
    assert roles(run)["b1-one", "sentinel"] == 3
    journal = run.folder / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(line for line in lines if b'"sentinel"' not in line))
    assert run.call("--resume", run.folder).returncode == 0
    assert roles(run) == {("b1-one", "timed"): 3}
    report = json.loads((run.folder / "report.json").read_text())
    assert report["targets"][0]["drift"] is None


def test_an_interrupted_run_prints_the_command_that_resumes(run: Run, suite: SuiteWriter) -> None:
    host = run.start(suite({"one": "ttft_s = 0.05"}, protocol=PROTOCOL), "--out", run.folder)
    run.wait_for_samples(3)
    host.send_signal(signal.SIGINT)
    _, told = host.communicate(timeout=30)
    assert host.returncode == 130
    command = next(line for line in told.splitlines() if "--resume" in line).split()
    assert command[:2] == ["crossbench", "run"]
    assert run.call(*command[2:]).returncode == 0
    assert everything_once(run)


@pytest.mark.parametrize("delay_s", [0.0, 0.15, 0.4, 0.8])
def test_ctrl_c_at_any_moment_leaves_a_valid_journal(
    run: Run, suite: SuiteWriter, delay_s: float
) -> None:
    host = run.start(suite(protocol=PROTOCOL), "--out", run.folder)
    assert wait_for((run.folder / JOURNAL).exists, 30)
    time.sleep(delay_s)
    host.send_signal(signal.SIGINT)
    time.sleep(0.05)
    host.send_signal(signal.SIGINT)
    _, told = host.communicate(timeout=40)
    assert host.returncode in (0, 130)
    assert "Traceback" not in told
    list(read_events(run.folder))
    assert run.call("--resume", run.folder).returncode == 0
    assert everything_once(run)


def test_a_torn_last_line_costs_that_sample_alone(run: Run, suite: SuiteWriter) -> None:
    assert run.call(suite(protocol=PROTOCOL), "--out", run.folder).returncode == 0
    journal = run.folder / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"timed"' in line)
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:70])
    done = run.call("--resume", run.folder)
    assert done.returncode == 0, done.stderr
    assert everything_once(run)


def test_a_finished_run_is_not_measured_again(run: Run, suite: SuiteWriter) -> None:
    assert run.call(suite(protocol=PROTOCOL), "--out", run.folder).returncode == 0
    began = [e for e in read_events(run.folder) if isinstance(e, LaunchStarted)]
    assert run.call("--resume", run.folder).returncode == 0
    assert [e for e in read_events(run.folder) if isinstance(e, LaunchStarted)] == began


def test_failed_cells_are_tried_again_only_when_asked(run: Run, suite: SuiteWriter) -> None:
    """The fault strikes the fourth request of a worker; a resumed one has fewer to make."""
    path = suite({"one": 'fault = "crash", fault_on = 3'}, protocol=PLAIN)
    assert run.call(path, "--out", run.folder).returncode == 1
    assert len(run.samples()) == 2
    assert run.call("--resume", run.folder).returncode == 1
    assert len(run.samples()) == 2
    assert "\n## Not measured\n" in (run.folder / "report.md").read_text()
    assert run.call("--resume", run.folder, "--retry-failed").returncode == 0
    assert cells(run.folder)["one", "short"]["valid_samples"] == 3
    assert "\n## Not measured\n" not in (run.folder / "report.md").read_text()


def edit_manifest(folder: Path, old: str, new: str) -> None:
    path = folder / "run.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


Change = Callable[[Path, Path], object]
CHANGES: dict[str, tuple[Change, str]] = {
    "suite": (lambda _, suite: suite.write_text(suite.read_text() + "\n# x"), "was changed"),
    "crossbench": (
        lambda run, _: edit_manifest(run, '"crossbench": "0.', '"crossbench": "9.'),
        "crossbench was 9.",
    ),
    "plugin": (
        lambda run, _: edit_manifest(run, "null (crossbench 0.", "null (crossbench 9."),
        "plugin null (crossbench 9.",
    ),
    "engine": (
        lambda run, _: edit_manifest(run, '"msgspec": "0.', '"msgspec": "9.'),
        "msgspec of target one was 9.",
    ),
    "machine": (lambda run, _: edit_manifest(run, '"cpu": "', '"cpu": "x'), "machine's cpu was x"),
    "prompts": (
        lambda run, _: edit_manifest(run, '"prompts_sha256": "', '"prompts_sha256": "0'),
        "prompt ids of scenario short are others",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_named_and_refused(run: Run, suite: SuiteWriter, name: str) -> None:
    change, told = CHANGES[name]
    path = suite(protocol=PLAIN)
    assert run.call(path, "--out", run.folder).returncode == 0
    change(run.folder, path)
    refused = run.call("--resume", run.folder)
    assert refused.returncode == 2
    assert told in refused.stderr
    assert not any(isinstance(e, RunResumed) for e in read_events(run.folder))
    assert run.call("--resume", run.folder, "--accept-changes").returncode == 0
    assert "Changed while the run was interrupted" in (run.folder / "report.md").read_text()


def test_a_changed_artifact_is_refused(run: Run, suite: SuiteWriter, tmp_path: Path) -> None:
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"one")
    path = suite(protocol=PLAIN)
    text = path.read_text()
    old = text.split('artifact = "')[1].split('"')[0]
    path.write_text(text.replace(old, str(artifact)))
    assert run.call(path, "--out", run.folder).returncode == 0
    artifact.write_bytes(b"two")
    refused = run.call("--resume", run.folder)
    assert refused.returncode == 2
    assert "the artifact of target one holds other bytes" in refused.stderr


def test_two_runs_at_once_into_one_folder(run: Run, suite: SuiteWriter) -> None:
    host = run.start(suite({"one": "ttft_s = 0.4"}, protocol=PROTOCOL), "--out", run.folder)
    run.wait_for_samples(1)
    second = run.call("--resume", run.folder)
    assert second.returncode == 2
    assert "is being written by another run" in second.stderr
    assert host.poll() is None
    host.communicate(timeout=60)
    assert host.returncode == 0


def test_a_full_disk_says_what_is_kept_and_the_run_goes_on_later(
    run: Run, suite: SuiteWriter
) -> None:
    """A limit on the size of files stands for the full disk: the same write fails the same way."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    path = suite(protocol=PROTOCOL)
    host = run.start(path, "--out", run.folder, preexec_fn=limited)
    _, told = host.communicate(timeout=60)
    assert host.returncode == 1
    assert "cannot write to" in told
    assert f"crossbench run --resume {run.folder}" in told
    assert "Traceback" not in told
    assert len(run.samples()) > 3
    assert run.call("--resume", run.folder).returncode == 0
    assert everything_once(run)


def test_a_worker_out_of_memory_costs_its_cells(run: Run, suite: SuiteWriter) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))

    path = suite({"greedy": 'fault = "bloat", fault_on = 2', "modest": ""})
    host = run.start(path, "--out", run.folder, preexec_fn=limited)
    _, told = host.communicate(timeout=60)
    assert host.returncode == 1, told
    assert "short failed (oom)" in told
    assert cells(run.folder)["modest", "short"]["valid_samples"] == 3


def test_a_stopped_host_is_no_timeout(run: Run, suite: SuiteWriter) -> None:
    """Ctrl-Z, or a machine that slept: deadlines begin anew when the host goes on."""
    protocol = f"{PROTOCOL}\ndeadlines = {{ first_token_s = 1, chunk_gap_s = 1 }}"
    host = run.start(suite({"one": "ttft_s = 0.2"}, protocol=protocol), "--out", run.folder)
    run.wait_for_samples(2)
    stopped = [host.pid, *run.workers()]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(host.pid, signal.SIGCONT)
    time.sleep(0.5)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    _, told = host.communicate(timeout=60)
    assert host.returncode == 0, told


def test_a_killed_worker_costs_its_cell(run: Run, suite: SuiteWriter) -> None:
    path = suite({"one": "ttft_s = 0.05", "two": ""}, protocol=f"{PLAIN}\nrepeats = 20")
    host = run.start(path, "--out", run.folder)
    run.wait_for_samples(3)
    (worker,) = {pid for pid in run.workers() if os.getpgid(pid) == pid}
    os.kill(worker, signal.SIGKILL)
    _, told = host.communicate(timeout=60)
    assert host.returncode == 1
    assert "short failed (crash): the worker was ended by SIGKILL" in told
    assert cells(run.folder)["two", "short"]["valid_samples"] == 20
    assert not members(worker)


@pytest.mark.parametrize(
    "arguments", [("--out", "elsewhere"), ("--target", "one"), ("--profile", "quick")]
)
def test_resume_takes_everything_from_the_run(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run.call("--resume", run.folder, *arguments)
    assert refused.returncode == 2
    assert "--resume takes suite and options from the run" in refused.stderr


def test_a_folder_that_is_no_run_cannot_be_resumed(run: Run) -> None:
    refused = run.call("--resume", run.folder)
    assert refused.returncode == 2
    assert "is not a run folder" in refused.stderr
