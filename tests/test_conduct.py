"""The protocol as it is carried out: real runs of the null engine, from suite to report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from crossbench.analysis.measurements import Measurements
from crossbench.journal.events import (
    CellFailed,
    Event,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    LeftOut,
    SampleTaken,
)
from crossbench.journal.folder import JOURNAL
from crossbench.journal.reader import read_events, read_manifest
from crossbench.prompts.book import PromptBook
from crossbench.prompts.digest import ids_sha256
from crossbench.report.write import write
from tests.conftest import Crossbench, SuiteWriter
from tests.plan.test_estimate import QUALITY
from tests.run.test_run import cells, samples

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store", "no_process_left")]
WHOLE = "launches = 2\nrepeats = 2\nwarmups = 1"
TWO = "".join(
    f'[[scenarios]]\nname = "{name}"\nprompt_tokens = 16\noutput_tokens = 24\n'
    for name in ("first", "second")
)


def report(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return told


def started(folder: Path) -> list[LaunchStarted]:
    return [event for event in read_events(folder) if isinstance(event, LaunchStarted)]


def test_a_burn_in_goes_first_and_is_not_counted(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    done = crossbench("run", suite({"a": "", "b": ""}, protocol=WHOLE), "--out", folder)
    assert done.returncode == 0, done.stderr
    made = [(event.launch, event.purpose) for event in started(folder)]
    assert made[:2] == [("b0-a", "burn_in"), ("b0-b", "burn_in")]
    assert [name for name, _ in made[2:]] == ["b1-a", "b1-b", "b2-b", "b2-a"]
    told = report(folder)
    assert told["conduct"]["burnt_in"] == ["b0-a", "b0-b"]
    assert [target["launches"] for target in told["targets"]] == [2, 2]
    for cell in cells(folder).values():
        assert (cell["valid_samples"], cell["planned_samples"]) == (4, 4)
        assert set(cell["lines"]) == {line for line in cell["lines"] if not line.startswith("b0")}
    page = (folder / "report.md").read_text()
    assert "Burnt in and not counted: b0-a, b0-b" in page
    assert "it fills file and compile caches" in page


def test_every_request_of_a_run_has_a_prompt_of_its_own(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    assert crossbench("run", suite(protocol=WHOLE), "--out", folder).returncode == 0
    taken = [event for event in read_events(folder) if isinstance(event, SampleTaken)]
    assert Counter(sample.role for sample in taken) == {
        "warmup": 3,
        "burn_in": 2,
        "timed": 4,
        "sentinel": 4,
    }
    assert len({sample.prompt_sha256 for sample in taken}) == len(taken)
    assert {sample.prompt_tokens for sample in taken} == {16}
    assert {sum(sample.record.counts) for sample in taken} == {24}


def test_the_first_scenario_is_measured_again_at_the_end_of_each_launch(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    path = suite({"one": "ttft_s = 0.05"}, protocol="launches = 3\nrepeats = 2", scenarios=TWO)
    assert crossbench("run", path, "--out", folder).returncode == 0
    for launch in ("b1-one", "b2-one", "b3-one"):
        made = [
            (event.scenario, event.role, event.repeat)
            for event in read_events(folder)
            if isinstance(event, SampleTaken) and event.launch == launch
        ]
        assert made[-2:] == [("first", "sentinel", 2), ("first", "sentinel", 3)]
        assert made[-3][0] == "second"
    assert not any(sample.launch.startswith("b0") for sample in samples(folder, "sentinel"))
    (target,) = report(folder)["targets"]
    assert target["drift"] is False
    (drift,) = report(folder)["conduct"]["drifts"]
    assert (drift["drift"]["scenario"], len(drift["drift"]["launches"])) == ("first", 3)
    assert cells(folder)["one", "first"]["valid_samples"] == 6
    assert "measured again at the end of each launch" in (folder / "report.md").read_text()


def rewritten(folder: Path, events: Sequence[Event]) -> dict[str, Any]:
    """The report once the journal holds these events."""
    (folder / JOURNAL).write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    write(folder)
    return report(folder)


def slowed(event: Event, by: float) -> Event:
    if not isinstance(event, SampleTaken) or event.role != "sentinel":
        return event
    record = event.record
    stamps = tuple(int(stamp * by) for stamp in record.stamps_ns)
    return replace(event, record=replace(record, stamps_ns=stamps))


def test_a_drift_is_flagged_for_its_target_alone(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """The journal of a real run, with the ends of one target's launches a third slower."""
    folder = tmp_path / "result"
    path = suite({"a": "ttft_s = 0.05", "b": "ttft_s = 0.05"}, protocol="launches = 3\nrepeats = 2")
    assert crossbench("run", path, "--out", folder).returncode == 0
    of = {event.launch: event.target for event in started(folder)}
    events = [
        slowed(event, 1.33) if of.get(getattr(event, "launch", "")) == "a" else event
        for event in read_events(folder)
    ]
    told = rewritten(folder, events)
    assert {target["name"]: target["drift"] for target in told["targets"]} == {
        "a": True,
        "b": False,
    }
    assert "| **yes** |" in (folder / "report.md").read_text()


def test_samples_are_counted_by_the_rule_that_left_them_out(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """The journal of a real run, as it would be had the machine slept and a game been started."""
    folder = tmp_path / "result"
    assert crossbench("run", suite(protocol="repeats = 3\nlaunches = 2"), "--out", folder)
    events = list(read_events(folder))
    timed = [number for number, event in enumerate(events) if _is_timed(event)]
    for number, changes in zip(timed, ({"slept": 3}, {"slept": 9}, {"strangers": 1}), strict=False):
        events[number] = _disturbed(events[number], **changes)
    told = rewritten(folder, events)
    assert told["conduct"]["excluded"] == {"foreign-process": 1, "suspended": 2}
    (cell,) = told["scenarios"][0]["cells"]
    assert [each["rule"] for each in cell["invalid"]] == ["suspended"] * 2 + ["foreign-process"]
    page = (folder / "report.md").read_text()
    assert "another process came onto its devices" in page
    assert "by rules that look at no sample's value" in page


def _is_timed(event: Event) -> bool:
    return isinstance(event, SampleTaken) and event.role == "timed"


def _disturbed(event: Event, slept: int = 0, strangers: int = 0) -> Event:
    assert isinstance(event, SampleTaken)
    record = replace(event.record, suspended_ns=slept * 10**9)
    return replace(event, record=record, strangers=strangers)


def test_the_rest_before_a_launch_is_written_down(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    path = suite(protocol=f"{WHOLE}\ncool_down_s = 0.3")
    assert crossbench("run", path, "--out", folder).returncode == 0
    rested = {event.launch: event.rested_s for event in started(folder)}
    assert rested.pop("b0-one") == 0
    assert all(seconds >= 0.3 for seconds in rested.values())
    assert [each["launch"] for each in report(folder)["conduct"]["rests"]] == list(rested)
    assert "Rest: 0.3 s before each launch" in (folder / "report.md").read_text()


def test_a_crash_in_the_sentinel_costs_the_cell_and_no_other(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """Request 6 of a launch is the first sentinel: 3 requests of each of two scenarios before."""
    folder = tmp_path / "result"
    path = suite(
        {"one": 'fault = "crash", fault_on = 6'},
        protocol=f"{WHOLE}\nburn_in = 0",
        scenarios=TWO,
    )
    assert crossbench("run", path, "--out", folder).returncode == 1
    failures = [event for event in read_events(folder) if isinstance(event, CellFailed)]
    assert [(event.launch, event.scenario) for event in failures] == [("b1-one", "first")]
    found = cells(folder)
    assert found["one", "first"]["valid_samples"] == 2
    assert found["one", "second"]["valid_samples"] == 4


def test_how_long_it_took_is_told_beside_what_was_expected(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """A first run is guessed; a second expects what the first took, and that holds it."""
    path = suite(
        {"one": "load_s = 0.3, ttft_s = 0.2, tpot_s = 0.005"}, protocol="launches = 2\nrepeats = 2"
    )
    assert "guessed from its size" in crossbench("plan", path).stdout
    assert crossbench("run", path).returncode == 0
    assert "from the run of 20" in crossbench("plan", path).stdout
    assert crossbench("run", path).returncode == 0
    first, second = sorted((tmp_path / "reports" / "trial").iterdir())
    for folder in (first, second):
        estimate = read_manifest(folder).plan.estimate
        assert estimate is not None
        ended = [event for event in read_events(folder) if isinstance(event, LaunchEnded)]
        took = sum(event.seconds or 0.0 for event in ended)
        assert len(ended) == 3
        assert estimate.span.low <= took <= estimate.span.high
        assert report(folder)["conduct"]["seconds"] == pytest.approx(took)
    assert "had been expected" in (second / "report.md").read_text()


def test_a_budget_cuts_the_plan_and_says_so_everywhere(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite(protocol='profile = "publish"\nburn_in = 0', scenarios=TWO)
    assert crossbench("run", path, "--profile", "quick").returncode == 0
    told = crossbench("plan", path, "--budget", "2s").stdout
    assert "budget of 2 s, from the first launch on:" in told
    assert "repeats: 5 to " in told
    done = crossbench("run", path, "--budget", "2s", "--out", "result")
    assert done.returncode == 0, done.stderr
    plan = read_manifest(tmp_path / "result").plan
    assert plan.budget is not None
    assert plan.budget.cuts
    assert "Budget of 2 s: repeats: 5 to " in (tmp_path / "result" / "report.md").read_text()
    resumed = PromptBook.open(plan.suite)  # which knows only the plan, and must salt alike
    for sample in samples(tmp_path / "result"):
        block = int(sample.launch[1]) - 1
        ids = resumed.salted(sample.scenario, sample.prompt, block, sample.repeat)
        assert sample.prompt_sha256 == ids_sha256(ids)


def hastened(event: Event) -> Event:
    """The same in a hundredth of the time."""
    match event:
        case LaunchReady():
            return replace(event, start_ns=0, import_ns=0, load_ns=event.load_ns // 100)
        case SampleTaken():
            stamps = tuple(stamp // 100 for stamp in event.record.stamps_ns)
            return replace(event, record=replace(event.record, stamps_ns=stamps))
        case LaunchEnded():
            return replace(event, seconds=(event.seconds or 0.0) / 100)
        case _:
            return event


def test_blocks_that_no_longer_fit_are_left_out_whole(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    """An earlier run that looks a hundred times as quick lets the plan hope; the run knows better.

    A launch takes at least half a second, so that blocks 3 and 4 can never be thought to fit.
    """
    path = suite(
        {"a": "load_s = 0.5", "b": "load_s = 0.5"},
        protocol="launches = 4\nrepeats = 1\nburn_in = 0\nsentinel = false",
        scenarios=QUALITY,
    )
    assert crossbench("run", path).returncode == 0
    (earlier,) = (tmp_path / "reports" / "trial").iterdir()
    rewritten(earlier, [hastened(event) for event in read_events(earlier)])
    folder = tmp_path / "result"
    assert crossbench("run", path, "--budget", "4s", "--out", folder).returncode == 0
    plan = read_manifest(folder).plan
    assert plan.budget is not None
    assert (plan.budget.cuts, plan.budget.kept, len(plan.blocks)) == ((), True, 4)
    left_out, *scoring = [event for event in read_events(folder) if isinstance(event, LeftOut)]
    assert left_out.blocks[-2:] == (2, 3)
    made = Counter(event.block for event in started(folder) if event.purpose == "timed")
    assert made == dict.fromkeys(set(plan.blocks) - set(left_out.blocks), 2)
    page = (folder / "report.md").read_text()
    assert "of every target: skipped: left out to keep within the budget of 4 s" in page
    words = {each["word"] for each in report(folder)["scoring"]["targets"]}
    assert words == ({"skipped"} if scoring else {None})


def test_what_was_left_out_stays_so_when_resumed(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    path = suite({"a": "", "b": ""}, protocol="launches = 4\nrepeats = 1")
    assert crossbench("run", path, "--out", folder).returncode == 0
    events = list(read_events(folder))
    kept = [event for event in events if not _of_block(event, events, {2, 3})]
    kept.insert(-1, LeftOut(blocks=(2, 3), reason="left out to keep within the budget"))
    rewritten(folder, kept)
    before = len(started(folder))
    assert crossbench("run", "--resume", folder).returncode == 0
    assert len(started(folder)) == before
    page = (folder / "report.md").read_text()
    assert "**Left out**: blocks 3, 4 of every target: skipped: left out to keep" in page
    measured = Measurements(read_manifest(folder).plan, enumerate(read_events(folder), 1))
    assert {len(cell.valid) for cell in measured.cells.values()} == {2}


def _of_block(event: Event, events: Sequence[Event], blocks: set[int]) -> bool:
    of = {each.launch: each.block for each in events if isinstance(each, LaunchStarted)}
    return of.get(getattr(event, "launch", ""), -1) in blocks


@pytest.mark.parametrize("written", ["30", "soon", "0m"])
def test_a_budget_that_is_no_time_is_one_message(
    crossbench: Crossbench, suite: SuiteWriter, written: str
) -> None:
    for command in ("plan", "run"):
        done = crossbench(command, suite(), "--budget", written)
        assert done.returncode == 2
        assert done.stderr.startswith(f"crossbench: --budget {written}: found no duration")
        assert len(done.stderr.splitlines()) == 1


def test_a_budget_belongs_to_the_run_that_is_resumed(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    assert crossbench("run", suite(), "--out", "result").returncode == 0
    done = crossbench("run", "--resume", "result", "--budget", "1h")
    assert done.returncode == 2
    assert "--resume takes suite and options from the run" in done.stderr


NEW = {
    "run.json": ["burn_in", "sentinel", "cool_down_s", "start_below_c", "cool_s", "celsius"],
    JOURNAL: ["rested_s", "celsius", "strangers", "strangers_untold", "seconds"],
}
"""Keys that runs did not write before schema 2."""


def without(value: Any, keys: Sequence[str]) -> Any:
    """The same without these keys, however deep."""
    if isinstance(value, list):
        return [without(each, keys) for each in value]
    if isinstance(value, dict):
        return {key: without(each, keys) for key, each in value.items() if key not in keys}
    return value


def test_a_run_of_the_first_schema_is_still_reported(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    folder = tmp_path / "result"
    assert crossbench("run", suite({"a": "", "b": ""}), "--out", folder).returncode == 0
    before = report(folder)["scenarios"]
    manifest = without(json.loads((folder / "run.json").read_text()), NEW["run.json"])
    for key in ("estimate", "budget"):
        del manifest["plan"][key]
    for target in manifest["plan"]["targets"]:
        del target["artifact_bytes"]
    (folder / "run.json").write_text(json.dumps({**manifest, "schema": 1}))
    lines = (folder / JOURNAL).read_text().splitlines()
    old = [json.dumps(without(json.loads(line), NEW[JOURNAL])) for line in lines]
    (folder / JOURNAL).write_text("\n".join(old) + "\n")
    assert crossbench("report", folder).returncode == 0
    assert report(folder)["scenarios"] == before
    assert "burn-in: none" in (folder / "report.md").read_text().lower()
