"""Whole runs whose artifacts lie on a hub, from the plan to the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.journal.events import SampleTaken
from crossbench.journal.reader import read_events, read_manifest
from tests.artifacts.conftest import GGUFS, tiny_files
from tests.artifacts.hub import Server, sha256
from tests.conftest import Crossbench

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store", "no_process_left")]

Q8 = "tiny-q8_0.gguf"
SUITE = f"""\
schema = 1
name = "far"
[model]
name = "tiny"
tokenizer = "artifact"
[targets.one]
backend = "null"
artifact = "hf:{GGUFS}/{Q8}"
[protocol]
profile = "quick"
repeats = 1
[[scenarios]]
name = "story"
prompts = [{{ text = "Once upon a time there was a fox." }}]
output_tokens = 8
"""


@pytest.fixture
def crossbench(crossbench_process: Crossbench) -> Crossbench:
    """In a process of its own: huggingface_hub reads the environment once, at its import."""
    return crossbench_process


@pytest.fixture
def far(tmp_path: Path, hub: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    path = tmp_path / "far.toml"
    path.write_text(SUITE)
    return path


def test_the_tokenizer_of_an_artifact_that_is_not_here_is_known_once_it_is(
    crossbench: Crossbench, far: Path, tmp_path: Path, hub: Server
) -> None:
    planned = crossbench("plan", far)
    assert planned.returncode == 0, planned.stderr
    assert "not known yet" in planned.stdout
    assert "the tokenizer is not here" in planned.stdout
    assert hub.sent < len(tiny_files()[Q8])
    done = crossbench("run", far, "--out", "result")
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(tmp_path / "result")
    (scenario,) = manifest.plan.scenarios
    assert min(scenario.prompt_tokens) > 5
    artifact = manifest.artifacts["one"]
    assert artifact.commit == "2" * 40
    assert artifact.sha256 == sha256(tiny_files()[Q8])
    events = read_events(tmp_path / "result")
    sent = {event.prompt_tokens for event in events if isinstance(event, SampleTaken)}
    assert sent == set(scenario.prompt_tokens)
    resumed = crossbench("run", "--resume", "result")
    assert resumed.returncode == 0, resumed.stderr


def test_a_tokenizer_that_cannot_be_had_at_all_ends_the_run_before_it_begins(
    crossbench: Crossbench, far: Path, tmp_path: Path, hub: Server
) -> None:
    far.write_text(SUITE.replace('"artifact"', '"hf:lab/none"'))
    done = crossbench("run", far, "--out", "result")
    assert done.returncode == 2
    assert "no repository lab/none" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "result").exists()


def test_a_plan_tells_the_fit_of_what_is_not_here(
    crossbench: Crossbench, far: Path, hub: Server
) -> None:
    far.write_text(SUITE.replace('"null"', '"llamacpp"'))
    assert "one: fits, with up to 2,048 tokens" in crossbench("plan", far).stdout
    hub.status(".", 503)
    again = crossbench("plan", far).stdout
    assert "one: fits, with up to 2,048 tokens" in again
    assert f"by its header at commit {'2' * 12}, read before" in again


def test_pinning_is_a_command(crossbench: Crossbench, far: Path) -> None:
    done = crossbench("suite", "pin", far)
    assert done.returncode == 0, done.stderr
    pinned = f"hf:{GGUFS}@{'2' * 40}/{Q8}"
    assert done.stdout.splitlines() == [f"hf:{GGUFS}/{Q8} -> {pinned}"]
    assert far.read_text() == SUITE.replace(f"hf:{GGUFS}/{Q8}", pinned)
    assert "nothing to pin" in crossbench("suite", "pin", far).stdout
