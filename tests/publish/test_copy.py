"""What is published of a run holds nothing private, and is otherwise the run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.reader import read_events, read_manifest
from crossbench.machine.telemetry import TELEMETRY
from crossbench.publish import copy
from crossbench.publish.copy import publish
from crossbench.redaction.private import Private
from crossbench.report.build import build
from crossbench.report.write import RENDERINGS, USUAL, as_json, place
from crossbench.suite.model import Prompt
from tests.conftest import Crossbench
from tests.publish.material import HOST, PROMPT, SECRETS, USER, private_run

STAMPED = "private/20260101T000000Z-rtx-4090"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return private_run(tmp_path_factory.mktemp("private") / "a")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def found(secret: str, files: dict[str, bytes]) -> list[str]:
    """Files that hold it in their bytes or their names, in whatever case."""
    wanted = secret.lower().encode()
    return [name for name, data in files.items() if wanted in name.encode() + b"\n" + data.lower()]


def test_the_run_itself_is_full_of_secrets(run: Path) -> None:
    """Or the tests below would prove nothing."""
    files = contents(run)
    for secret in SECRETS:
        assert found(secret, files), secret
    for name in (MANIFEST, JOURNAL, TELEMETRY):
        assert USER.encode() in files[name], name


@pytest.mark.parametrize("without_prompts", [False, True])
def test_no_secret_is_in_any_byte_of_any_file(
    run: Path, tmp_path: Path, without_prompts: bool
) -> None:
    publish(run, tmp_path, without_prompts=without_prompts)
    files = contents(tmp_path)
    assert {Path(name).name for name in files} >= {MANIFEST, JOURNAL, TELEMETRY, "report.html"}
    for secret in SECRETS:
        assert found(secret, files) == [], secret


def test_a_report_holds_no_secret_either(run: Path) -> None:
    report = build(run)
    files = {name: each.render(report) for name, each in RENDERINGS.items()}
    for secret in SECRETS:
        assert found(secret, files) == [], secret


def test_for_ones_own_use_everything_stays(run: Path) -> None:
    text = as_json(build(run, redact=False))
    for secret in SECRETS:
        assert secret.encode() in text, secret


def test_the_report_of_the_copy_is_the_report_of_the_run(run: Path, tmp_path: Path) -> None:
    folder = publish(run, tmp_path)
    assert as_json(build(folder)) == as_json(build(run)) == place(folder, "json").read_bytes()
    for name in USUAL:
        assert place(folder, name).read_bytes() == RENDERINGS[name].render(build(run))


def test_devices_keep_apart(run: Path, tmp_path: Path) -> None:
    folder = publish(run, tmp_path)
    ended = [event for event in read_events(folder) if type(event).__name__ == "LaunchEnded"]
    assert all(
        getattr(event, "undrained", None) == {"GPU 0": 7, "hidden GPU 0": 8} for event in ended
    )
    devices = {trace.device for trace in build(folder).telemetry.traces}
    assert {"GPU 0", "hidden GPU 0"} <= devices


def test_the_same_run_gives_the_same_bytes_in_the_same_place(run: Path, tmp_path: Path) -> None:
    folder = publish(run, tmp_path)
    assert folder == tmp_path / STAMPED
    before = contents(tmp_path)
    assert publish(run, tmp_path) == folder
    assert contents(tmp_path) == before
    assert publish(folder, tmp_path) == folder
    assert contents(tmp_path) == before


def test_more_is_taken_out_of_a_copy_where_it_lies(run: Path, tmp_path: Path) -> None:
    folder = publish(run, tmp_path)
    assert found(PROMPT, contents(folder))
    assert publish(folder, tmp_path, without_prompts=True) == folder
    assert found(PROMPT, contents(folder)) == []
    assert read_manifest(folder).published == "without prompts"
    publish(folder, tmp_path, hidden=["3.11"])
    assert read_manifest(folder).published == "without prompts"


def test_a_copy_can_be_published_elsewhere(run: Path, tmp_path: Path) -> None:
    folder = publish(run, tmp_path / "a")
    again = publish(folder, tmp_path / "b")
    assert contents(again) == contents(folder)


def test_the_run_stays_as_it_is_and_what_is_not_known_stays_away(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    folder = publish(run, tmp_path)
    assert contents(run) == before
    assert "notes.txt" in before
    assert "notes.txt" not in contents(folder)


def test_prompts_and_answers_are_left_out_on_request(run: Path, tmp_path: Path) -> None:
    whole, bare = (
        publish(run, tmp_path / "whole"),
        publish(run, tmp_path / "bare", without_prompts=True),
    )
    assert found(PROMPT, contents(whole))
    files = contents(bare)
    assert found(PROMPT, files) == []
    assert not [name for name in files if name.startswith("logs/")]
    ids = [
        event["record"]["token_ids"]
        for event in map(json.loads, files[JOURNAL].splitlines())
        if event["event"] == "SampleTaken"
    ]
    assert len(ids) == 3 * 2 * 2 * 2
    assert all(each == [0] * 24 for each in ids)
    assert read_manifest(bare).suite_text == ""
    asked = [each.prompts for each in read_manifest(bare).plan.suite.scenarios]
    assert asked == [(Prompt(),), (Prompt(synthetic_tokens=300),)]


def test_without_prompts_the_numbers_are_the_same_and_the_page_says_so(
    run: Path, tmp_path: Path
) -> None:
    folder = publish(run, tmp_path, without_prompts=True)
    shown, whole = build(folder), build(run)
    numbers = [
        [replace(cell, invalid=()) for scenario in report.scenarios for cell in scenario.cells]
        for report in (shown, whole)
    ]
    assert numbers[0] == numbers[1]
    assert [each.asked for each in shown.scenarios] == [(), ("(300 synthetic tokens)",)]
    assert shown.comparisons == whole.comparisons
    assert (whole.suite_shown, shown.suite_shown) == (True, False)
    assert "was left out of `run.json` with its prompts" in place(folder, "md").read_text()


def test_a_further_name_is_hidden_where_it_is_asked(run: Path, tmp_path: Path) -> None:
    assert found("dangerous", contents(publish(run, tmp_path)))
    folder = publish(run, tmp_path, hidden=["dangerous"])
    assert found("dangerous", contents(folder)) == []


def test_what_was_left_out_does_not_come_back_by_forgetting(run: Path, tmp_path: Path) -> None:
    publish(run, tmp_path, without_prompts=True, hidden=["lump"])
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"published without its prompts.*--without-prompts again"):
        publish(run, tmp_path, hidden=["lump"])
    with pytest.raises(InputError, match=r"with a name taken out.*--hide for each again"):
        publish(run, tmp_path, without_prompts=True)
    assert contents(tmp_path) == before
    publish(run, tmp_path, without_prompts=True, hidden=["lump"])
    assert contents(tmp_path) == before


def test_without_prompts_failures_keep_their_kind_and_lose_their_words(
    run: Path, tmp_path: Path
) -> None:
    """An engine may quote a part of a prompt, or its ids."""
    files = contents(publish(run, tmp_path, without_prompts=True))
    told = [json.loads(line) for line in files[JOURNAL].splitlines()]
    failed = [each for each in told if each["event"] == "CellFailed"]
    assert [(each["kind"], each["phase"]) for each in failed] == [("error", "prefill")]
    assert found("while asked", files) == []
    assert found("instead of [17, 4", files) == []


def test_what_is_still_there_stops_it(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is searched before it is shown, whatever made it."""
    monkeypatch.setattr(Private, "text", lambda _self, text: text)
    with pytest.raises(InputError, match=r"would still hold '.*'; nothing was published"):
        publish(run, tmp_path)
    assert contents(tmp_path) == {}


def test_a_name_that_is_a_word_of_the_format_stays(tmp_path: Path) -> None:
    run = private_run(tmp_path / "a")
    told = json.loads((run / MANIFEST).read_text())
    told["private"] = ["launch", "timed"]
    (run / MANIFEST).write_text(json.dumps(told))
    assert len(build(publish(run, tmp_path / "out")).scenarios) == 2


def test_a_folder_that_cannot_be_written_is_said(run: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        publish(run, tmp_path)


def test_what_holds_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        publish(tmp_path, tmp_path / "out")


def test_an_interrupted_copy_leaves_the_earlier_one(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = publish(run, tmp_path)
    before = contents(tmp_path)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(copy, "put", broken)
    with pytest.raises(KeyboardInterrupt):
        publish(run, tmp_path)
    assert contents(tmp_path) == before
    assert folder.is_dir()


@pytest.mark.slow
def test_the_command_publishes_and_lists(crossbench: Crossbench, run: Path, tmp_path: Path) -> None:
    done = crossbench("publish", "site", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"site/{STAMPED}", "site/README.md", "site/index.html"]
    before = contents(tmp_path / "site")
    for secret in (*SECRETS, HOST, str(Path.home()), str(tmp_path)):
        assert found(secret, before) == [], secret
    assert os.environ.get("USER", "root") == "root" or not found(os.environ["USER"], before)
    assert crossbench("publish", "site", run).returncode == 0
    assert contents(tmp_path / "site") == before


@pytest.mark.slow
def test_a_run_in_the_folder_is_not_listed_and_not_touched(
    crossbench: Crossbench, run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "site" / "raw")
    crossbench("report", "site/raw")
    before = contents(tmp_path / "site" / "raw")
    done = crossbench("publish", "site")
    assert done.returncode == 0, done.stderr
    assert "not in the index: site/raw: a run as it was measured" in done.stderr
    assert "No report yet." in (tmp_path / "site" / "README.md").read_text()
    assert contents(tmp_path / "site" / "raw") == before


@pytest.mark.slow
def test_a_copy_is_not_resumed(crossbench: Crossbench, run: Path, tmp_path: Path) -> None:
    folder = publish(run, tmp_path / "site")
    done = crossbench("run", "--resume", folder)
    assert done.returncode == 2
    assert "is a published copy" in done.stderr
