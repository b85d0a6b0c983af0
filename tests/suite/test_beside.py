"""Replicas and backgrounds as a suite writes them, and what they become."""

from __future__ import annotations

from pathlib import Path

from crossbench.suite.load import load
from crossbench.suite.model import Background, Suite
from crossbench.suite.tables.target import TargetNeeds

SUITE = """
schema = 1
name = "beside"
[model]
name = "Tiny"
tokenizer = "tiny"
[targets.a]
backend = "llamacpp"
artifact = "tiny.gguf"
needs = { cpus = 2 }
replicas = [1, 2]
[targets.b]
backend = "llamacpp"
artifact = "tiny.gguf"
needs = { cuda = 1 }
[[scenarios]]
name = "job"
prompt_tokens = 64
output_tokens = 16
concurrency = 4
[[scenarios]]
name = "chat-disturbed-once"
prompt_tokens = 64
output_tokens = 16
concurrency = [1, 2]
background = { target = "b", scenario = "job" }
[[scenarios]]
name = "build"
prompt_tokens = [64, 128]
output_tokens = 16
background = { command = ["make", "-j 4"], needs = { cpus = 3, cuda = 1 }, settle_s = 0 }
[[scenarios]]
name = "usual"
prompt_tokens = 64
output_tokens = 16
background = { command = ["make"] }
"""


def suite(folder: Path) -> Suite:
    path = folder / "suite.toml"
    path.write_text(SUITE)
    return load(path)


def test_replicas_are_a_matrix(tmp_path: Path) -> None:
    found = {target.name: target for target in suite(tmp_path).targets}
    assert {name: target.replicas for name, target in found.items()} == {
        "a-x1": 1,
        "a-x2": 2,
        "b": 1,
    }
    assert found["a-x2"].needs == TargetNeeds(cpus=2)
    assert found["a-x2"].base == "a"


def test_a_background_makes_a_quiet_scenario_and_a_disturbed_one(tmp_path: Path) -> None:
    found = {scenario.name: scenario for scenario in suite(tmp_path).scenarios}
    assert list(found) == [
        "job",
        "chat-disturbed-once-quiet-c1",
        "chat-disturbed-once-quiet-c2",
        "chat-disturbed-once-disturbed-c1",
        "chat-disturbed-once-disturbed-c2",
        "build-64-quiet",
        "build-64-disturbed",
        "build-128-quiet",
        "build-128-disturbed",
        "usual-quiet",
        "usual-disturbed",
    ]
    disturbed = found["chat-disturbed-once-disturbed-c2"]
    assert disturbed.quiet == "chat-disturbed-once-quiet-c2"
    assert disturbed.load is not None
    assert disturbed.load.of == "chat-disturbed-once-disturbed"
    assert disturbed.background == Background(target="b", scenario="job", needs=TargetNeeds(cuda=1))
    quiet = found["chat-disturbed-once-quiet-c2"]
    assert (quiet.background, quiet.quiet) == (None, None)


def test_a_command_keeps_its_words_and_its_needs(tmp_path: Path) -> None:
    found = {scenario.name: scenario for scenario in suite(tmp_path).scenarios}
    asked = found["build-64-disturbed"].background
    assert asked == Background(
        command=("make", "-j 4"), needs=TargetNeeds(cpus=3, cuda=1), settle_s=0
    )
    assert asked.words == "make '-j 4'"
    assert found["usual-disturbed"].background == Background(command=("make",), settle_s=1)
